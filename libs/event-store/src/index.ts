export { type LogPage, type PagedLog, subscribeToLog } from "./catch-up.ts";
export { matchesFilter } from "./event-filter.ts";
export type { PositionKeeper } from "./kurrentdb/fan-out-position.ts";
export type { KurrentEventStore, KurrentOptions } from "./kurrentdb/kurrent-event-store.ts";
export { openKurrentEventStore } from "./kurrentdb/kurrent-event-store.ts";
export { StreamRemovedFault } from "./kurrentdb/kurrent-fault.ts";
export { openMemoryEventStore } from "./memory/memory-event-store.ts";
export * from "./port.ts";
export {
  type AppendExtras,
  logEvent,
  openSqliteEventStore,
  SqliteEventStore,
  type SqliteEventStoreOptions,
} from "./sqlite/sqlite-event-store.ts";
export { openSqliteLogReader, type SqliteLogReader } from "./sqlite/sqlite-log-reader.ts";
