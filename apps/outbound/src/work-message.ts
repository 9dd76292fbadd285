import { readWholeStream } from "@mailfold/event-store";
import { type DeliveryAttempted, streams } from "@mailfold/events";
import { uuidFromId, uuidV5 } from "@mailfold/ids";
import type { MessageId, NewEvent } from "@mailfold/kernel";
import { type DeliveryContext, type DestinationOutcome, deliverMessage } from "./deliver-message.ts";
import { finishMessage, outboundMetadata } from "./finish-message.ts";
import { foldOutbound, type OutboundMessage } from "./outbound-message.ts";

/**
 * Brings one due message forward by one attempt, or ends it. What happened is recorded at the revision read, so of two
 * workers only one records. A crash after the remote 250 and before the record repeats the attempt: at least once.
 */
export async function workMessage(context: DeliveryContext, messageId: MessageId): Promise<void> {
  const { deps, config } = context;
  const before = await loadMessage(context, messageId);
  if (before === undefined || before.finished) return;
  if (before.pending.length === 0 || deps.clock.now() >= before.queued.expiresAt)
    return finishMessage(deps, config, before);
  if (before.nextAttemptAt > deps.clock.now()) return;
  const outcomes = await deliverMessage(context, before);
  if (outcomes.length === 0) return;
  for (const result of outcomes.flatMap((outcome) => outcome.results))
    deps.metrics.outboundAttempts.inc({ outcome: result.outcome });
  const stream = streams.outbound(messageId);
  const appended = await deps.journal.commit({
    appends: [{ stream, expected: before.revision, events: attemptEvents(context, before, outcomes) }],
  });
  if (!appended.ok) return; // Another worker recorded this attempt.
  const after = await loadMessage(context, messageId);
  if (after !== undefined && after.pending.length === 0) await finishMessage(deps, config, after);
}

async function loadMessage(context: DeliveryContext, messageId: MessageId): Promise<OutboundMessage | undefined> {
  return foldOutbound(await readWholeStream(context.deps.journal.events, streams.outbound(messageId)));
}

function attemptEvents(
  context: DeliveryContext,
  message: OutboundMessage,
  outcomes: readonly DestinationOutcome[],
): readonly NewEvent[] {
  const now = context.deps.clock.now();
  const attempt = message.attempts + 1;
  const delays = context.config.retryDelaysMs;
  const delayMs = delays[Math.min(attempt, delays.length) - 1] ?? 60_000;
  const nextAttemptAt = Math.min(now + delayMs, message.queued.expiresAt);
  const someDeferred = outcomes.some((outcome) => outcome.results.some((result) => result.outcome === "deferred"));
  return outcomes.map((outcome, index) => {
    const data: DeliveryAttempted["data"] = {
      messageId: message.queued.messageId,
      attempt,
      host: outcome.host,
      ...(outcome.ip === undefined ? {} : { ip: outcome.ip }),
      tls: outcome.tls,
      results: outcome.results,
      ...(someDeferred ? { nextAttemptAt } : {}),
    };
    const id = uuidV5(uuidFromId(message.queued.messageId), `attempt ${attempt} ${index}`);
    return { id, type: "DeliveryAttempted", data, metadata: outboundMetadata(message), occurredAt: now };
  });
}
