export type { BreakerOptions } from "./breaker.ts";
export {
  type ClamavAddress,
  type ClamavClient,
  type ClamavOptions,
  type ClamavScan,
  createClamavClient,
} from "./clamav-client.ts";
export type { RspamdScan, RspamdSymbol } from "./rspamd-answer.ts";
export {
  createRspamdClient,
  type RspamdClient,
  type RspamdEnvelope,
  type RspamdLearning,
  type RspamdOptions,
} from "./rspamd-client.ts";
export type { ScannerDown } from "./scanner-down.ts";
export type { LoadOptions } from "./within-deadline.ts";
