export * from "./held-copies.ts";
export { quarantine } from "./quarantine.ts";
