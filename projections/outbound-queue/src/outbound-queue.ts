import type { DeliveryAttempted, MessageQueued, OutboundFinished } from "@mailfold/events";
import { projectWith, type RowChange, type RowHandlers, type RowsProjection } from "@mailfold/kernel";

type QueueEvent = MessageQueued | DeliveryAttempted | OutboundFinished;

const handlers: RowHandlers<QueueEvent> = {
  MessageQueued: (event) => {
    const { messageId, recipients, body, ...message } = event.data;
    const { tenantId = null, resellerId = null, correlationId = null } = event.metadata;
    const { position, occurredAt } = event;
    return [
      {
        put: "messages",
        row: {
          messageId,
          tenantId,
          resellerId,
          transactionId: correlationId ?? messageId,
          status: "queued",
          sender: message.sender,
          vouchedBy: message.vouchedBy,
          body: JSON.stringify(body),
          prefix: message.prefix,
          sizeBytes: message.sizeBytes,
          smtpUtf8: Number(message.smtpUtf8),
          eightBit: Number(message.eightBit),
          queuedAt: occurredAt,
          expiresAt: message.expiresAt,
          nextAttemptAt: occurredAt,
          attempts: 0,
          position,
        },
      },
      ...recipients.map(
        (recipient): RowChange => ({
          put: "recipients",
          row: { messageId, recipient, status: "pending", nextAttemptAt: occurredAt, position },
        }),
      ),
    ];
  },
  DeliveryAttempted: (event) => {
    const { messageId, attempt, host, results, nextAttemptAt } = event.data;
    // Without a next attempt nobody of this attempt is left; other destinations of the message may still wait.
    const next = nextAttemptAt === undefined ? {} : { nextAttemptAt };
    return [
      {
        patch: "messages",
        where: { messageId },
        set: { status: "trying", attempts: attempt, lastAttemptAt: event.occurredAt, ...next },
      },
      ...results.map(({ recipient, outcome, code = null, enhancedCode = null, text }): RowChange => {
        const due = outcome === "deferred" ? (nextAttemptAt ?? null) : null;
        const answer = { code, enhancedCode, text, host, lastAttemptAt: event.occurredAt };
        return {
          patch: "recipients",
          where: { messageId, recipient },
          set: { status: outcome, ...answer, nextAttemptAt: due },
        };
      }),
    ];
  },
  OutboundFinished: (event) => {
    const { messageId, bounce } = event.data;
    const finished = { status: "finished", bounce, finishedAt: event.occurredAt, nextAttemptAt: null };
    return [
      { patch: "messages", where: { messageId }, set: finished },
      { patch: "recipients", where: { messageId }, set: { nextAttemptAt: null } },
    ];
  },
};

/** Mail that waits to leave, and what became of each recipient. A null nextAttemptAt is due no more. */
export const outboundQueue: RowsProjection = {
  name: "outbound-queue",
  version: 1,
  tables: [
    {
      name: "messages",
      key: ["messageId"],
      columns: {
        messageId: "text",
        tenantId: "text",
        resellerId: "text",
        transactionId: "text",
        status: "text",
        sender: "text",
        vouchedBy: "text",
        body: "text",
        prefix: "text",
        sizeBytes: "integer",
        smtpUtf8: "integer",
        eightBit: "integer",
        queuedAt: "integer",
        expiresAt: "integer",
        nextAttemptAt: "integer",
        lastAttemptAt: "integer",
        attempts: "integer",
        finishedAt: "integer",
        bounce: "text",
        position: "text",
      },
      indexes: [["nextAttemptAt"], ["tenantId", "status"]],
      expiringBy: "position",
    },
    {
      name: "recipients",
      key: ["messageId", "recipient"],
      columns: {
        messageId: "text",
        recipient: "text",
        status: "text",
        nextAttemptAt: "integer",
        lastAttemptAt: "integer",
        host: "text",
        code: "integer",
        enhancedCode: "text",
        text: "text",
        position: "text",
      },
      indexes: [["nextAttemptAt"]],
      expiringBy: "position",
    },
  ],
  handles: Object.keys(handlers),
  project: (event) => projectWith<QueueEvent>(handlers, event),
};
