import type { LearnerReport } from "./follow-log.ts";
import type { CheckpointPart, Recorded } from "./listing-recorder.ts";
import type { DecidedListing } from "./reputation-fold.ts";

/** What the learner's thread asks of the one that writes the log; answered by number. */
export type RecorderCall =
  | { readonly call: "decided"; readonly decided: DecidedListing }
  | { readonly call: "ticked"; readonly at: number }
  | { readonly call: "checkpointed"; readonly part: CheckpointPart; readonly at: number };

/** From the learner's thread. */
export type LearnerMessage =
  | { readonly number: number; readonly ask: RecorderCall }
  | { readonly report: LearnerReport }
  | { readonly warning: string; readonly error?: string }
  | { readonly ended: true };

/** To the learner's thread. */
export type LearnerOrder =
  | { readonly number: number; readonly recorded: Recorded | undefined }
  | { readonly number: number; readonly fault: string }
  | { readonly close: true };

/** What the thread is started with. Plain data. */
export interface LearnerWorkerData {
  readonly dataDir: string;
  /** `embedded`, or a connection string. */
  readonly eventStore: string;
  /** DATA/reputation.db */
  readonly path: string;
}
