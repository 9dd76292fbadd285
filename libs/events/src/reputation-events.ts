import type { DomainEvent } from "@mailfold/kernel";

/** The learner of blacklists took note that time had passed, because a listing was due to end: it learns time from the log alone. */
export type ReputationTicked = DomainEvent<"ReputationTicked", { readonly at: number }>;

/**
 * All that the learner knew after one event, in parts: what it learned from evidence that expires. A rebuild begins
 * with the newest whole checkpoint.
 */
export type ReputationCheckpointed = DomainEvent<
  "ReputationCheckpointed",
  {
    readonly checkpointId: string;
    /** 0 to parts - 1, one event of the stream each. */
    readonly part: number;
    readonly parts: number;
    /** The last event that was folded. */
    readonly foldedTo: { readonly stream: string; readonly revision: number; readonly id: string };
    /** libs/reputation SnapshotPart, JSON. */
    readonly snapshot: Readonly<Record<string, unknown>>;
  }
>;
export type ReputationEvent = ReputationTicked | ReputationCheckpointed;
