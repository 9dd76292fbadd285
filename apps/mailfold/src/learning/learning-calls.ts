import type { LearnableMark, Learned } from "@mailfold/classifier";
import type { TenantId } from "@mailfold/kernel";

/** What the learner's thread is asked; plain data. */
export type LearningCall =
  | { readonly call: "open"; readonly fresh: boolean }
  /** `bytes` absent: the body cannot be had, or reading it took too long. */
  | { readonly call: "learn"; readonly mark: LearnableMark; readonly bytes?: Uint8Array }
  | { readonly call: "pass"; readonly position: string }
  | { readonly call: "expire"; readonly tokensDay: number; readonly marksDay: number; readonly limit: number }
  | { readonly call: "tenants" }
  | { readonly call: "forget"; readonly tenantId: TenantId }
  | { readonly call: "close" };

interface Opened {
  readonly checkpoint: string;
  readonly rebuilt?: string;
}

/** `unreadable`: the message made its reader fail; it is worked off without being learned. */
export type LearnOutcome = Learned | "unreadable";

/** Answers by call. */
export interface LearningAnswers {
  readonly open: Opened;
  readonly learn: LearnOutcome;
  readonly pass: undefined;
  /** Rows that went. */
  readonly expire: number;
  /** Those with anything learned. */
  readonly tenants: readonly TenantId[];
  readonly forget: undefined;
  readonly close: undefined;
}

/** What comes back. `corrupt` = the file is broken and must be begun anew. */
export type LearningReply =
  | { readonly answer: LearningAnswers[keyof LearningAnswers] }
  | { readonly fault: string; readonly corrupt: boolean };

export interface LearningWorkerData {
  readonly path: string;
  readonly epoch: string;
  readonly tokensMax: number;
}
