import { createHash, randomBytes } from "node:crypto";
import { type OutboundFinished, type RecipientResult, streams } from "@mailfold/events";
import { idFromUuid, uuidFromId, uuidV5 } from "@mailfold/ids";
import type { Commit } from "@mailfold/journal";
import type { EventMetadata, NewEvent } from "@mailfold/kernel";
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
 * Ends a message: at most one bounce, then OutboundFinished. The bounce's ids derive from the message's, so a crash
 * between the two repeats without doubling it.
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
  const { message, failures } = failed;
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
