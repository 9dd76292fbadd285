export { openLogForReading, openLogForWriting, syncDirectory } from "./log-file.ts";
export { fixedTables, fromPosition, logApplicationId, type Shelf, shelfOf, toPosition } from "./log-schema.ts";
export { backupLog } from "./log-tasks.ts";
export { LogWriter } from "./log-writer.ts";
export { corruptLog, toFault } from "./sqlite-faults.ts";
export { runWriterThread } from "./writer-loop.ts";
export { expectAny, expectNone, type Transact, type WriterExtension } from "./writer-request.ts";
