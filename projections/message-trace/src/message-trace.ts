import type {
  DeliveryAttempted,
  HeldMessageDeleted,
  HeldMessageReleased,
  HeldMessageSettled,
  MessageDelivered,
  MessageHeld,
  MessageQueued,
  OutboundFinished,
  VerdictRecorded,
  VerdictsRepeated,
} from "@mailfold/events";
import {
  projectWith,
  type RecordedEvent,
  type Row,
  type RowChange,
  type RowHandlers,
  type RowsProjection,
  streamKey,
} from "@mailfold/kernel";
import { traceTables } from "./trace-tables.ts";

type TraceEvent =
  | VerdictRecorded
  | VerdictsRepeated
  | MessageDelivered
  | MessageHeld
  | HeldMessageSettled
  | HeldMessageReleased
  | HeldMessageDeleted
  | MessageQueued
  | DeliveryAttempted
  | OutboundFinished;

function ownerOf(event: RecordedEvent) {
  return { tenantId: event.metadata.tenantId ?? null, resellerId: event.metadata.resellerId ?? null };
}

/** The transaction a message belongs to: a bounce belongs to the one that it answers. */
function transactionOf(event: RecordedEvent, messageId: string): string {
  return event.metadata.correlationId ?? messageId;
}

function step(event: RecordedEvent, transactionId: string, line: number, row: Row): RowChange {
  const place = { transactionId, position: event.position, line, at: event.occurredAt, eventId: event.id };
  return { put: "steps", row: { ...place, ...ownerOf(event), ...row } };
}

const handlers: RowHandlers<TraceEvent> = {
  VerdictRecorded: (event) => [{ put: "verdicts", row: verdictRow(event) }],
  VerdictsRepeated: (event) => {
    const { prefix, reason, count, from, to, samples } = event.data;
    const { position, id, stream, revision } = event;
    const owner = ownerOf(event);
    return [
      { put: "floods", row: { position, ...owner, prefix, reason, count, from, to, eventId: id, stream, revision } },
      ...samples.map(
        ({ verdictId, sender, recipient }): RowChange => ({
          put: "flood_samples",
          row: { verdictId, floodPosition: position, ...owner, sender, recipient },
        }),
      ),
    ];
  },
  MessageDelivered: (event) => {
    const { transactionId, verdictId, folder } = event.data;
    // APPEND by a mail client is no transaction.
    if (transactionId === undefined) return [];
    const name = folderShown(folder);
    const row = { kind: "delivered", mailboxId: streamKey(event.stream), folder: name, verdictId: verdictId ?? null };
    return [step(event, transactionId, 0, { ...row, outcome: "delivered" })];
  },
  MessageHeld: (event) => heldRows(event),
  HeldMessageSettled: (event) => {
    const { holdId, outcome, verdictId, judgeAgainAt } = event.data;
    // Deferred once more: still held, judged again later.
    const settled =
      outcome === "deferred"
        ? { judgeAgainAt: judgeAgainAt ?? null }
        : { outcome, settledAt: event.occurredAt, judgeAgainAt: null };
    return [{ patch: "holds", where: { holdId }, set: { ...settled, settledVerdictId: verdictId ?? null } }];
  },
  HeldMessageReleased: (event) => [endOfHold(event, "released")],
  HeldMessageDeleted: (event) => [endOfHold(event, "deleted")],
  MessageQueued: (event) => {
    const { messageId, recipients } = event.data;
    return recipients.map((recipient, line) =>
      step(event, transactionOf(event, messageId), line, { kind: "queued", messageId, recipient, outcome: "queued" }),
    );
  },
  DeliveryAttempted: (event) => {
    const { messageId, attempt, host, ip = null, tls, results, nextAttemptAt } = event.data;
    return results.map(({ recipient, outcome, code = null, enhancedCode = null, text }, line) =>
      step(event, transactionOf(event, messageId), line, {
        kind: "attempt",
        messageId,
        recipient,
        outcome,
        host,
        ip,
        tls,
        code,
        enhancedCode,
        text,
        attempt,
        nextAttemptAt: outcome === "deferred" ? (nextAttemptAt ?? null) : null,
      }),
    );
  },
  OutboundFinished: (event) => {
    const { messageId, delivered, failed, bounce } = event.data;
    const text = `${delivered} delivered, ${failed} failed, bounce ${bounce}`;
    return [step(event, transactionOf(event, messageId), 0, { kind: "finished", messageId, outcome: bounce, text })];
  },
};

function endOfHold(event: RecordedEvent<HeldMessageReleased | HeldMessageDeleted>, outcome: string): RowChange {
  const { holdId } = event.data;
  return {
    patch: "holds",
    where: { holdId },
    set: { outcome, settledAt: event.occurredAt, judgeAgainAt: null },
  };
}

function verdictRow(event: RecordedEvent<VerdictRecorded>): Row {
  const { data, metadata } = event;
  return {
    verdictId: data.verdictId,
    transactionId: data.transactionId,
    ...ownerOf(event),
    ...senderOf(event),
    at: event.occurredAt,
    phase: data.phase,
    sender: addressIn(data.facts.sender),
    recipient: addressIn(data.facts.recipient),
    ip: typeof data.facts.ip === "string" ? data.facts.ip : (metadata.context?.ip ?? null),
    action: data.action,
    reason: data.reason,
    code: data.code,
    enhancedCode: data.enhancedCode,
    text: data.text,
    scope: data.scope,
    policyEvent: data.policyEvent ?? null,
    subject: data.subject ?? null,
    messageId: data.messageIdHeader ?? null,
    sizeBytes: data.sizeBytes ?? null,
    mailboxId: data.mailboxId ?? null,
    eventId: event.id,
    stream: event.stream,
    revision: event.revision,
    position: event.position,
  };
}

/** The tenant whose login sent the mail, where the verdict is not its own: it may know what its user was told. */
function senderOf({ data, metadata }: RecordedEvent<VerdictRecorded>) {
  const { resellerId, tenantId } = (data.facts.login ?? {}) as {
    readonly resellerId?: string;
    readonly tenantId?: string;
  };
  const isOwn = tenantId === undefined || tenantId === metadata.tenantId;
  return { senderTenantId: isOwn ? null : tenantId, senderResellerId: isOwn ? null : (resellerId ?? null) };
}

/** The `address` of a fact, when it is there; facts are JSON of whatever engine version wrote them. */
function addressIn(fact: unknown): string | null {
  if (typeof fact !== "object" || fact === null || !("address" in fact)) return null;
  return typeof fact.address === "string" ? fact.address : null;
}

function heldRows(event: RecordedEvent<MessageHeld>): readonly RowChange[] {
  const { holdId, kind, transactionId, verdictId, recipient, sender, mailboxId, ...rest } = event.data;
  const about = { transactionId, verdictId, recipient, mailboxId };
  return [
    {
      put: "holds",
      row: {
        holdId,
        ...about,
        ...ownerOf(event),
        kind,
        sender,
        sizeBytes: rest.sizeBytes,
        heldAt: event.occurredAt,
        expiresAt: rest.expiresAt,
        judgeAgainAt: rest.judgeAgainAt ?? null,
        attempt: rest.attempt,
        stream: event.stream,
        revision: event.revision,
        position: event.position,
      },
    },
    step(event, transactionId, 0, { ...about, kind: "held", outcome: kind }),
  ];
}

/** What happened to mail: verdicts by reference, the steps of each transaction, held copies, floods. */
export const messageTrace: RowsProjection = {
  name: "message-trace",
  version: 3,
  tables: traceTables,
  handles: Object.keys(handlers),
  project: (event) => projectWith<TraceEvent>(handlers, event),
};

function folderShown(folder: MessageDelivered["data"]["folder"]): string {
  if (folder === "INBOX") return folder;
  if ("name" in folder) return folder.name;
  return "specialUse" in folder ? folder.specialUse : folder.id;
}
