export { KeysFault } from "./key-files.ts";
export * from "./keys.ts";
