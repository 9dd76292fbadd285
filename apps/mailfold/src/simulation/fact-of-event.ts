import {
  type HeldMessageReleased,
  type MessageHeld,
  type MessageMarked,
  UndecodableEvent,
  type VerdictRecorded,
} from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";
import type { FactMark, Facts, RecordedVerdict } from "@mailfold/policy";

/** Events that the fact table is made from. */
export const factFilter = {
  types: ["VerdictRecorded", "MessageMarked", "MessageHeld", "HeldMessageReleased"],
  streamPrefixes: ["verdict-", "mark-", "quarantine-"],
};

/** A row or a mark of the table. */
export type TableFact = { readonly verdict: RecordedVerdict } | { readonly mark: FactMark };

function verdictOf({ data, metadata }: RecordedEvent<VerdictRecorded>): TableFact {
  const { action, facts, mailboxId, phase, reason, verdictId } = data;
  const { resellerId, tenantId } = metadata;
  return {
    verdict: {
      verdictId,
      action,
      reason,
      phase,
      facts: facts as unknown as Facts,
      ...(mailboxId === undefined ? {} : { mailboxId }),
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(resellerId === undefined ? {} : { resellerId }),
    },
  };
}

/** What an event adds to the table; undefined = nothing. */
export function factOfEvent(event: RecordedEvent): TableFact | undefined {
  if (event instanceof UndecodableEvent) return undefined;
  switch (event.type) {
    case "VerdictRecorded":
      return verdictOf(event as RecordedEvent<VerdictRecorded>);
    case "MessageMarked": {
      const { mark, verdictId } = event.data as MessageMarked["data"];
      return verdictId === undefined ? undefined : { mark: { kind: mark, verdictId } };
    }
    case "MessageHeld": {
      const { holdId, verdictId } = event.data as MessageHeld["data"];
      return { mark: { kind: "held", holdId, verdictId } };
    }
    case "HeldMessageReleased": {
      const { holdId } = event.data as HeldMessageReleased["data"];
      return { mark: { kind: "released", holdId } };
    }
    default:
      return undefined;
  }
}
