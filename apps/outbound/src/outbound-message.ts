import type { DeliveryAttempted, MessageQueued, OutboundFinished, RecipientResult } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";

/** A message that may leave, folded from its `outbound-<id>` stream. */
export interface OutboundMessage {
  readonly queued: MessageQueued["data"];
  readonly metadata: RecordedEvent["metadata"];
  readonly queuedAt: number;
  /** Recipients without a final result, in the order queued. */
  readonly pending: readonly string[];
  /** Final results so far. */
  readonly settled: readonly RecipientResult[];
  /** Last temporary result of each pending recipient. */
  readonly lastDeferral: ReadonlyMap<string, RecipientResult>;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  readonly finished: boolean;
  /** Revision of the last event: what the next append expects. */
  readonly revision: number;
}

/** Folds a stream read whole; undefined when it does not start with MessageQueued (expired or foreign). */
export function foldOutbound(events: readonly RecordedEvent[]): OutboundMessage | undefined {
  const first = events[0];
  if (first?.type !== "MessageQueued") return undefined;
  const queued = first.data as MessageQueued["data"];
  let message: OutboundMessage = {
    queued,
    metadata: first.metadata,
    queuedAt: first.occurredAt,
    pending: queued.recipients,
    settled: [],
    lastDeferral: new Map(),
    attempts: 0,
    nextAttemptAt: first.occurredAt,
    finished: false,
    revision: first.revision,
  };
  for (const event of events.slice(1)) message = { ...evolve(message, event), revision: event.revision };
  return message;
}

function evolve(message: OutboundMessage, event: RecordedEvent): OutboundMessage {
  if (event.type === "OutboundFinished") {
    const data = event.data as OutboundFinished["data"];
    return { ...message, finished: true, pending: data.failed + data.delivered > 0 ? [] : message.pending };
  }
  if (event.type !== "DeliveryAttempted") return message;
  const data = event.data as DeliveryAttempted["data"];
  const final = data.results.filter((result) => result.outcome !== "deferred");
  const done = new Set(final.map((result) => result.recipient));
  const lastDeferral = new Map(message.lastDeferral);
  for (const result of data.results) {
    if (result.outcome === "deferred") lastDeferral.set(result.recipient, result);
    else lastDeferral.delete(result.recipient);
  }
  return {
    ...message,
    pending: message.pending.filter((recipient) => !done.has(recipient)),
    settled: [...message.settled, ...final],
    lastDeferral,
    attempts: Math.max(message.attempts, data.attempt),
    nextAttemptAt: data.nextAttemptAt ?? message.nextAttemptAt,
  };
}
