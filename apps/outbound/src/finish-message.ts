import { createHash, randomBytes } from "node:crypto";
import type { Append } from "@mailfold/event-store";
import { type MessageDelivered, type OutboundFinished, type RecipientResult, streams } from "@mailfold/events";
import { idFromUuid, uuidFromId, uuidV5 } from "@mailfold/ids";
import type { Commit } from "@mailfold/journal";
import type { EventMetadata, MessageId, NewEvent } from "@mailfold/kernel";
import { buildBounce, mailDate } from "./bounce-message.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import type { OutboundConfig, OutboundDeps } from "./ports.ts";

/** Metadata of events that the delivery workers append on a message's behalf. */
export function outboundMetadata(message: OutboundMessage): EventMetadata {
  const { tenantId, resellerId, correlationId } = message.metadata;
  return {
    actor: { type: "system", id: "outbound" },
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(resellerId === undefined ? {} : { resellerId }),
    ...(correlationId === undefined ? {} : { correlationId }),
  };
}

/**
 * Ends a message: redirected mail that failed enters its mailbox, at most one bounce, then OutboundFinished. The ids of
 * both derive from the message's, so a crash in between repeats without doubling them.
 */
export async function finishMessage(
  deps: OutboundDeps,
  config: OutboundConfig,
  message: OutboundMessage,
): Promise<void> {
  const expired: readonly RecipientResult[] = message.pending.map(
    (recipient) =>
      message.lastDeferral.get(recipient) ?? { recipient, outcome: "deferred", text: "delivery time expired" },
  );
  const failures = [...message.settled.filter((result) => result.outcome === "failed"), ...expired];
  if (failures.length > 0) await deliverKept(deps, message);
  const bounce = bounceDecision(message, failures);
  if (bounce === "sent") await deps.journal.commit(await bounceCommit(deps, config, { message, failures }));
  const data: OutboundFinished["data"] = {
    messageId: message.queued.messageId,
    delivered: message.settled.filter((result) => result.outcome === "delivered").length,
    failed: failures.length,
    bounce,
  };
  const stream = streams.outbound(message.queued.messageId);
  const id = uuidV5(uuidFromId(message.queued.messageId), "finished");
  await deps.journal.commit({
    appends: [
      {
        stream,
        expected: message.revision,
        events: [
          { id, type: "OutboundFinished", data, metadata: outboundMetadata(message), occurredAt: deps.clock.now() },
        ],
      },
    ],
  });
  await deps.journal.bodies.setHeld(stream, []);
}

/** Mail was taken for the mailboxes that redirect it, so it is theirs when it cannot be sent on. */
async function deliverKept(deps: OutboundDeps, message: OutboundMessage): Promise<void> {
  const { body, ifFailed = [] } = message.queued;
  const open = ifFailed.filter(({ mailboxId }) => deps.directory.mailbox(mailboxId)?.status !== "deleted");
  if (open.length === 0) return;
  const appends = open.map(({ mailboxId, ...copy }): Append => {
    const data: MessageDelivered["data"] = {
      ...copy,
      body,
      sizeBytes: Buffer.byteLength(copy.prefix) + body.sizeBytes,
      transactionId: (message.metadata.correlationId ?? message.queued.messageId) as MessageId,
    };
    const event: NewEvent = {
      id: uuidV5(uuidFromId(message.queued.messageId), `kept by ${mailboxId}`),
      type: "MessageDelivered",
      data,
      metadata: outboundMetadata(message),
      occurredAt: deps.clock.now(),
    };
    return { stream: streams.mail(mailboxId), expected: "any", events: [event] };
  });
  await deps.journal.commit({ appends, holds: appends.map(({ stream }) => ({ stream, ref: body })) });
}

/** A bounce goes only to a sender that a login or an IP relay entry vouched for, and never answers a bounce. */
function bounceDecision(
  message: OutboundMessage,
  failures: readonly RecipientResult[],
): OutboundFinished["data"]["bounce"] {
  if (failures.length === 0) return "not-needed";
  if (message.queued.sender === "" || message.queued.vouchedBy === "none") return "suppressed";
  return "sent";
}

interface Failed {
  readonly message: OutboundMessage;
  readonly failures: readonly RecipientResult[];
}

async function bounceCommit(deps: OutboundDeps, config: OutboundConfig, failed: Failed): Promise<Commit> {
  const { failures } = failed;
  // The sender of mail that we sent on is an address of ours that means the one who wrote: nothing here leads to it.
  const sender = deps.originalSender?.(failed.message.queued.sender) ?? failed.message.queued.sender;
  const message = { ...failed.message, queued: { ...failed.message.queued, sender } };
  const bounceId = idFromUuid("message", uuidV5(uuidFromId(message.queued.messageId), "bounce"));
  const bytes = buildBounce({
    message,
    failures,
    original: await deps.journal.bodies.read(message.queued.body),
    hostname: config.hostname,
    messageId: bounceId,
    boundary: `=_${randomBytes(16).toString("hex")}`,
    at: deps.clock.now(),
  });
  const local = deps.directory.resolve(message.queued.sender)?.[0];
  const tenantId = local?.tenantId ?? message.metadata.tenantId ?? "platform";
  const ref = { tenantId, sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes: bytes.length };
  const bodies = [{ ref, bytes }];
  const received = `Received: by ${config.hostname} (Mailfold) id ${bounceId};\r\n\t${mailDate(deps.clock.now())}\r\n`;
  const event = (type: string, data: unknown): NewEvent => ({
    id: uuidV5(uuidFromId(bounceId), type),
    type,
    data,
    metadata: outboundMetadata(message),
    occurredAt: deps.clock.now(),
  });
  if (local !== undefined) {
    const prefix = `Return-Path: <>\r\nDelivered-To: ${local.address}\r\n${received}`;
    const data = {
      deliveryId: uuidV5(uuidFromId(bounceId), local.mailboxId),
      folder: "INBOX",
      body: ref,
      prefix,
      sizeBytes: Buffer.byteLength(prefix) + bytes.length,
      internalDate: deps.clock.now(),
      flags: [],
      transactionId: bounceId,
    };
    const stream = streams.mail(local.mailboxId);
    return {
      bodies,
      appends: [{ stream, expected: "any", events: [event("MessageDelivered", data)] }],
      holds: [{ stream, ref }],
    };
  }
  const data = {
    messageId: bounceId,
    sender: "",
    recipients: [message.queued.sender],
    body: ref,
    prefix: received,
    sizeBytes: Buffer.byteLength(received) + bytes.length,
    vouchedBy: "none",
    expiresAt: deps.clock.now() + (message.queued.expiresAt - message.queuedAt),
    smtpUtf8: message.queued.smtpUtf8,
    eightBit: true,
  };
  const stream = streams.outbound(bounceId);
  return {
    bodies,
    appends: [{ stream, expected: "none", events: [event("MessageQueued", data)] }],
    holds: [{ stream, ref }],
  };
}
