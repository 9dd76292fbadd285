export * from "./codec.ts";
export * from "./mail-events.ts";
export * from "./streams.ts";
export * from "./traffic-events.ts";
