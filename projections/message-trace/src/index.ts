export { messageTrace } from "./message-trace.ts";
