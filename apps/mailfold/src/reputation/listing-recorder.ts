import type { ListingEvent, ListingScope, SenderListed } from "@mailfold/domain";
import type { AppendResult, EventStore } from "@mailfold/event-store";
import { type ReputationCheckpointed, streams } from "@mailfold/events";
import { idFromUuid, uuidV5, uuidV7 } from "@mailfold/ids";
import type { Clock, EventMetadata, ListingId, NewEvent, RecordedEvent, Sealer } from "@mailfold/kernel";
import { type ListingDecision, subjectKey } from "@mailfold/reputation";
import type { DecidedListing } from "./reputation-fold.ts";

/** What became of a decision: `known` = it was recorded before; `stale` = the log has a later one of the same sender. */
export type Recorded = "recorded" | "known" | "stale";

/** Part of a checkpoint that is to be recorded. Plain data. */
export type CheckpointPart = ReputationCheckpointed["data"];

/** Writes into the log what the learner decides. Each call may be made again: nothing is written twice. */
export interface ListingRecorder {
  decided(decided: DecidedListing): Promise<Recorded>;
  ticked(at: number): Promise<void>;
  checkpointed(part: CheckpointPart, at: number): Promise<void>;
}

/** Of ids that derive from a decision: the same decision has the same id in every replay and on every node. */
const decisionSpace = "5e7d1f0c-6a0b-5d0e-9d55-2f3c1b8a7e64";
/** Events of one sender that are looked through: a replayed decision is among its newest, or older than they. */
const newestLookedAt = 100;
const attemptsMax = 5;
const actor = { type: "system", id: "reputation" } as const;

/** Makes the recorder; `events` is the log's writer. */
export function createListingRecorder(deps: {
  readonly events: Pick<EventStore, "append" | "readStream">;
  readonly sealer: Pick<Sealer, "blindIndex">;
  readonly clock: Clock;
}): ListingRecorder {
  const { clock, events, sealer } = deps;

  async function decided(given: DecidedListing): Promise<Recorded> {
    const { decision } = given;
    const id = uuidV5(decisionSpace, decision.key);
    const stream = streams.listing(decision.scope, sealer.blindIndex("listing", subjectKey(decision.subject)));
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const newest: RecordedEvent<ListingEvent>[] = [];
      const query = { direction: "backwards", limit: newestLookedAt } as const;
      for await (const event of events.readStream(stream, query)) newest.push(event as RecordedEvent<ListingEvent>);
      if (newest.some((event) => event.id === id)) return "known";
      const [last] = newest;
      if (last !== undefined && last.data.at > decision.at) return "stale";
      if (last === undefined && decision.type === "delisted") return "stale";
      const event = eventOf(given, { id, listingId: listingIdOf(decision, last, id), occurredAt: clock.now() });
      const result = await events.append({ stream, expected: last?.revision ?? "none", events: [event] });
      // Another node wrote to this sender's stream in between, most likely the same decision.
      if (result.ok) return result.replayed ? "known" : "recorded";
    }
    throw new Error(`a listing of ${stream} could not be recorded: others write to it all the time`);
  }

  const metadata: EventMetadata = { actor };
  return {
    decided,
    async ticked(at) {
      const event: NewEvent = { id: uuidV7(), type: "ReputationTicked", data: { at }, metadata, occurredAt: at };
      taken(await events.append({ stream: streams.reputationTicks(at), expected: "any", events: [event] }));
    },
    async checkpointed(part, at) {
      const id = uuidV5(part.checkpointId, String(part.part));
      const event: NewEvent = { id, type: "ReputationCheckpointed", data: part, metadata, occurredAt: at };
      const stream = streams.reputationCheckpoint(at, part.checkpointId);
      const expected = part.part === 0 ? "none" : part.part - 1;
      taken(await events.append({ stream, expected, events: [event] }));
    },
  };
}

function taken(result: AppendResult): void {
  if (!result.ok) throw new Error(`an event of ${result.stream} was refused at revision ${result.expected}`);
}

/** One id from the event that lists to the one that ends it. */
function listingIdOf(
  decision: ListingDecision,
  last: RecordedEvent<ListingEvent> | undefined,
  eventId: string,
): ListingId {
  const begins = decision.type === "listed" && decision.change === "new";
  return begins || last === undefined ? idFromUuid("listing", eventId) : last.data.listingId;
}

function eventOf(
  { causeEvent, decision, resellerId }: DecidedListing,
  made: { readonly id: string; readonly listingId: ListingId; readonly occurredAt: number },
): NewEvent<ListingEvent> {
  const { id, listingId, occurredAt } = made;
  const scope: ListingScope =
    decision.scope === "platform" ? { kind: "platform" } : { kind: "tenant", id: decision.scope };
  const metadata: EventMetadata = {
    actor,
    ...(scope.kind === "tenant" ? { tenantId: scope.id } : {}),
    ...(resellerId === undefined ? {} : { resellerId }),
    ...(causeEvent === undefined ? {} : { causationId: causeEvent }),
  };
  const { at, score, share, subject } = decision;
  const common = { listingId, scope, subject, score, share, at, ...(causeEvent === undefined ? {} : { causeEvent }) };
  if (decision.type === "delisted") {
    const { cause, listedAt } = decision;
    return { id, type: "SenderDelisted", data: { ...common, cause, listedAt }, metadata, occurredAt };
  }
  const { action, change, evidenceIds, evidenceRest, expiresAt, halfLifeMs, listedAt, tenants, threshold } = decision;
  const data: SenderListed["data"] = {
    ...common,
    change,
    action,
    threshold,
    listedAt,
    halfLifeMs,
    expiresAt,
    evidence: evidenceIds,
    evidenceTotal: evidenceIds.length + evidenceRest,
    tenants,
  };
  return { id, type: "SenderListed", data, metadata, occurredAt };
}
