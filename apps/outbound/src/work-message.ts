import { readWholeStream } from "@mailfold/event-store";
import { type DeliveryAttempted, streams } from "@mailfold/events";
import { uuidFromId, uuidV5 } from "@mailfold/ids";
import type { MessageId, NewEvent } from "@mailfold/kernel";
import { type DeliveryContext, type DestinationOutcome, deliverMessage } from "./deliver-message.ts";
import { finishMessage, outboundMetadata } from "./finish-message.ts";
import { foldOutbound, type OutboundMessage } from "./outbound-message.ts";

/**
 * Brings one due message forward by one attempt, or ends it. What happened is recorded destination by destination, each at the
 * revision reached, so of two workers only one records. A crash after a remote 250 and before its record repeats that
 * destination's attempt: at least once.
 */
export async function workMessage(context: DeliveryContext, messageId: MessageId): Promise<void> {
  const { deps, config } = context;
  const before = await loadMessage(context, messageId);
  if (before === undefined || before.finished) return;
  if (before.pending.length === 0 || deps.clock.now() >= before.queued.expiresAt)
    return finishMessage(deps, config, before);
  if (before.nextAttemptAt > deps.clock.now()) return;
  await deliverMessage(context, before, createRecorder(context, before));
  const after = await loadMessage(context, messageId);
  if (after !== undefined && !after.finished && after.pending.length === 0) await finishMessage(deps, config, after);
}

async function loadMessage(context: DeliveryContext, messageId: MessageId): Promise<OutboundMessage | undefined> {
  return foldOutbound(await readWholeStream(context.deps.journal.events, streams.outbound(messageId)));
}

/** Appends outcomes one after the other, until another worker is found to have recorded this attempt. */
function createRecorder(
  context: DeliveryContext,
  message: OutboundMessage,
): (outcome: DestinationOutcome) => Promise<void> {
  const { journal, metrics } = context.deps;
  let expected = message.revision;
  let isOurs = true;
  let recorded = Promise.resolve();
  const append = async (outcome: DestinationOutcome): Promise<void> => {
    if (!isOurs) return;
    const events = [attemptEvent(context, message, outcome)];
    const appended = await journal.commit({
      appends: [{ stream: streams.outbound(message.queued.messageId), expected, events }],
    });
    isOurs = appended.ok;
    expected += 1;
  };
  return (outcome) => {
    for (const result of outcome.results) metrics.outboundAttempts.inc({ outcome: result.outcome });
    recorded = recorded.then(() => append(outcome));
    return recorded;
  };
}

function attemptEvent(context: DeliveryContext, message: OutboundMessage, outcome: DestinationOutcome): NewEvent {
  const now = context.deps.clock.now();
  const attempt = message.attempts + 1;
  const delays = context.config.retryDelaysMs;
  const delayMs = delays[Math.min(attempt, delays.length) - 1] ?? 60_000;
  const { messageId, expiresAt } = message.queued;
  const isDeferred = outcome.results.some((result) => result.outcome === "deferred");
  const data: DeliveryAttempted["data"] = {
    messageId,
    attempt,
    host: outcome.host,
    ...(outcome.ip === undefined ? {} : { ip: outcome.ip }),
    tls: outcome.tls,
    results: outcome.results,
    ...(isDeferred ? { nextAttemptAt: Math.min(now + delayMs, expiresAt) } : {}),
  };
  const id = uuidV5(uuidFromId(messageId), `attempt ${attempt} ${outcome.results[0]?.recipient}`);
  return { id, type: "DeliveryAttempted", data, metadata: outboundMetadata(message), occurredAt: now };
}
