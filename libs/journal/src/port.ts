import type { BlobStore } from "@mailfold/blob-store";
import type { Append, AppendResult, EventStore } from "@mailfold/event-store";
import type { BodyRef } from "@mailfold/events";

export interface CommitBody {
  readonly ref: BodyRef;
  readonly bytes: Uint8Array;
}

export interface Commit {
  /** Written before, or in the same transaction as, the events. Same ref twice is stored once. */
  readonly bodies?: readonly CommitBody[];
  readonly appends: readonly Append[];
  /** Which stream holds which body from now on; counted by the writer in the same transaction. */
  readonly holds?: readonly { readonly stream: string; readonly ref: BodyRef }[];
  /** For the cluster adapter: the transaction id that names the intake stream when several streams are appended. */
  readonly transactionId?: string;
}

/**
 * The commit port: bodies and events together, durable when resolved. Edges do not know which adapter it is.
 * Several appends are all-or-nothing (embedded) or arrive through the intake stream's fan-out (cluster), in which case
 * only `any` expectations are allowed and revisions are empty.
 */
export interface Journal {
  commit(commit: Commit): Promise<AppendResult>;
  readonly events: EventStore;
  readonly bodies: BlobStore;
  close(): Promise<void>;
}
