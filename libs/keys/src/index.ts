export { createDurably, readIfPresent } from "./durable-file.ts";
export { KeysFault } from "./key-files.ts";
export * from "./keys.ts";
