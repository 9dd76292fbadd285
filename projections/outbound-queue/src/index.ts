export * from "./due-messages.ts";
export { outboundQueue } from "./outbound-queue.ts";
