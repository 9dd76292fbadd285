export { createDenials, type Denials } from "./denials.ts";
export { type HeldJudge, type HeldJudgeDeps, type HeldJudgeOptions, startHeldJudge } from "./held-judge.ts";
export { type AbuseWatch, createAbuseWatch } from "./peer/abuse-watch.ts";
export { type EdgeMemory, openEdgeMemory } from "./peer/edge-memory.ts";
export { createGreylist, type Greylist } from "./peer/greylist.ts";
export { createRecipientCounters, type RecipientCounters } from "./peer/recipient-counters.ts";
export { defaultSmtpLimits, type SmtpConfig, type SmtpLimits } from "./smtp-config.ts";
export type { SmtpDeps } from "./smtp-deps.ts";
export { type Smtp, startSmtp } from "./start-smtp.ts";
