export { defaultOutboundConfig, type OutboundConfig, type OutboundDeps } from "./ports.ts";
export { type Outbound, startOutbound } from "./start-outbound.ts";
