import type { EventStore } from "@mailfold/event-store";
import type { ReputationCheckpointed } from "@mailfold/events";
import { type Position, type RecordedEvent, startOfLog } from "@mailfold/kernel";
import { newReputation, type Reputation, restoreReputation, type SnapshotPart } from "@mailfold/reputation";
import { ReputationFold } from "./reputation-fold.ts";
import type { FoldedTo, ReputationStore } from "./reputation-store.ts";
import { tenantEventTypes, tenantStreams } from "./tenants-of-log.ts";

/** The log, as the learner reads it. */
export type LearnersLog = Pick<EventStore, "subscribe" | "readAll" | "readStream" | "epoch">;

/** A fold that has taken everything up to a position. */
export interface OpenedFold {
  readonly fold: ReputationFold;
  readonly position: Position;
  readonly foldedTo?: FoldedTo;
  readonly checkpointAt?: number;
}

/** Checkpoints begun and never finished that are looked past before the log's beginning has to do. */
const checkpointsTried = 20;

/**
 * The fold as the store has it; else as the newest whole checkpoint of the log has it; else as new. What the log keeps for
 * good (tenants, settings) is read again, and for a new store the senders of the mail that marks may still come for.
 */
export async function openFold(log: LearnersLog, store: ReputationStore): Promise<OpenedFold> {
  const saved = store.saved();
  const start = saved ?? (await newestCheckpoint(log));
  const fold = new ReputationFold(store, start === undefined ? newReputation() : restored(start.parts));
  if (start === undefined) return { fold, position: startOfLog };
  const { checkpointAt, foldedTo, position } = start;
  const filter =
    saved === undefined
      ? { types: [...tenantEventTypes, "VerdictRecorded"], streamPrefixes: [...tenantStreams, "verdict-"] }
      : { types: tenantEventTypes, streamPrefixes: tenantStreams };
  for await (const event of log.readAll({ filter })) {
    if (event.position > position) break;
    fold.recall(event);
  }
  return {
    fold,
    position,
    ...(foldedTo === undefined ? {} : { foldedTo }),
    ...(checkpointAt === undefined ? {} : { checkpointAt }),
  };
}

function restored(parts: Iterable<SnapshotPart>): Reputation {
  return restoreReputation(parts);
}

type PartEvent = RecordedEvent<ReputationCheckpointed>;

/** The newest checkpoint with all its parts, and the position up to which it holds. */
async function newestCheckpoint(log: LearnersLog) {
  let parts: PartEvent[] = [];
  let tried = 0;
  const filter = { types: ["ReputationCheckpointed"], streamPrefixes: ["reputation-"] };
  for await (const event of log.readAll({ direction: "backwards", filter })) {
    const part = event as PartEvent;
    if (parts[0]?.stream !== part.stream) {
      if (parts.length > 0 && ++tried > checkpointsTried) return undefined;
      parts = [];
    }
    parts.push(part);
    if (parts.length < part.data.parts) continue;
    const whole = parts.reverse();
    const position = await positionOf(log, part.data.foldedTo);
    const snapshots = whole.map(({ data }) => data.snapshot as unknown as SnapshotPart);
    return { position, foldedTo: part.data.foldedTo, checkpointAt: part.occurredAt, parts: snapshots };
  }
  return undefined;
}

/** Where an event stands; before all that is left where it has expired: then all that is left came after it. */
async function positionOf(log: LearnersLog, { id, revision, stream }: FoldedTo): Promise<Position> {
  for await (const event of log.readStream(stream, { from: revision, limit: 1 })) {
    if (event.id === id) return event.position;
  }
  return startOfLog;
}
