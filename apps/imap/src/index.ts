export { defaultImapLimits, type ImapConfig, type ImapDeps, type ImapLimits } from "./deps.ts";
export { type ImapFrontEnd, startImap } from "./server.ts";
