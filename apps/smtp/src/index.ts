export { createDenials, type Denials } from "./denials.ts";
export { type HeldJudge, type HeldJudgeDeps, type HeldJudgeOptions, startHeldJudge } from "./held-judge.ts";
export { defaultSmtpLimits, type SmtpConfig, type SmtpLimits } from "./smtp-config.ts";
export type { SmtpDeps } from "./smtp-deps.ts";
export { type Smtp, startSmtp } from "./start-smtp.ts";
