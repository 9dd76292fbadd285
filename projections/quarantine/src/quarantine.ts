import type { HeldMessageDeleted, HeldMessageReleased, HeldMessageSettled, MessageHeld } from "@mailfold/events";
import {
  projectWith,
  type RecordedEvent,
  type Row,
  type RowChange,
  type RowHandlers,
  type RowsProjection,
} from "@mailfold/kernel";

type QuarantineEvent = MessageHeld | HeldMessageSettled | HeldMessageReleased | HeldMessageDeleted;

const handlers: RowHandlers<QuarantineEvent> = {
  MessageHeld: (event) => [{ put: "holds", row: heldRow(event) }],
  HeldMessageSettled: (event) => {
    const { holdId, outcome, verdictId = null, judgeAgainAt = null, attempt } = event.data;
    if (outcome !== "deferred") return [settled(event, { status: outcome, settledVerdictId: verdictId })];
    // Still held, and judged again later.
    const again = { judgeAgainAt, ...(attempt === undefined ? {} : { attempts: attempt }) };
    return [{ patch: "holds", where: { holdId, status: "held" }, set: again }];
  },
  HeldMessageReleased: (event) => [settled(event, { status: "released" })],
  HeldMessageDeleted: (event) => [settled(event, { status: "deleted" })],
};

/** The first end counts: where the log cannot refuse a second one, it changes nothing here. */
function settled(event: RecordedEvent<HeldMessageSettled | HeldMessageReleased | HeldMessageDeleted>, end: Row) {
  const { actor } = event.metadata;
  const change: RowChange = {
    patch: "holds",
    where: { holdId: event.data.holdId, status: "held" },
    set: { ...end, judgeAgainAt: null, settledAt: event.occurredAt, settledBy: actor.id },
  };
  return change;
}

const searchCharactersMax = 1_000;

function heldRow(event: RecordedEvent<MessageHeld>): Row {
  const { data, metadata, occurredAt } = event;
  const { recipient, sender, subject = null } = data;
  const search = [sender, recipient, subject ?? ""].join("\n").toLowerCase().slice(0, searchCharactersMax);
  return {
    holdId: data.holdId,
    kind: data.kind,
    tenantId: metadata.tenantId ?? null,
    resellerId: metadata.resellerId ?? null,
    domainId: data.domainId ?? null,
    mailboxId: data.mailboxId,
    recipient,
    sender,
    subject,
    messageId: data.messageIdHeader ?? null,
    search,
    reason: data.reason ?? null,
    score: data.score ?? null,
    transactionId: data.transactionId,
    verdictId: data.verdictId,
    receivedAt: occurredAt,
    expiresAt: data.expiresAt,
    // A deferred copy is the judge's, however late it comes.
    heldUntil: data.kind === "deferred" ? Number.MAX_SAFE_INTEGER : data.expiresAt,
    judgeAgainAt: data.judgeAgainAt ?? null,
    attempts: data.attempt,
    sizeBytes: data.sizeBytes,
    status: "held",
    settledAt: null,
    settledBy: null,
    settledVerdictId: null,
    stream: event.stream,
    revision: event.revision,
    position: event.position,
  };
}

/** Copies kept instead of delivered, and what became of each. Past its expiresAt a copy is no longer to be had. */
export const quarantine: RowsProjection = {
  name: "quarantine",
  version: 1,
  tables: [
    {
      name: "holds",
      key: ["holdId"],
      columns: {
        holdId: "text",
        kind: "text",
        tenantId: "text",
        resellerId: "text",
        domainId: "text",
        mailboxId: "text",
        recipient: "text",
        sender: "text",
        subject: "text",
        messageId: "text",
        search: "text",
        reason: "text",
        score: "real",
        transactionId: "text",
        verdictId: "text",
        receivedAt: "integer",
        expiresAt: "integer",
        heldUntil: "integer",
        judgeAgainAt: "integer",
        attempts: "integer",
        sizeBytes: "integer",
        status: "text",
        settledAt: "integer",
        settledBy: "text",
        settledVerdictId: "text",
        stream: "text",
        revision: "integer",
        position: "text",
      },
      indexes: [
        ["tenantId", "position"],
        ["resellerId", "position"],
        ["domainId", "position"],
        ["mailboxId", "position"],
        ["position"],
        ["status", "heldUntil"],
        ["settledAt"],
      ],
      expiringBy: "position",
    },
  ],
  handles: Object.keys(handlers),
  project: (event) => projectWith<QuarantineEvent>(handlers, event),
};
