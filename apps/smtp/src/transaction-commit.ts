import type { Append } from "@mailfold/event-store";
import type { BodyRef, MessageDelivered, MessageHeld, MessageQueued } from "@mailfold/events";
import { streams } from "@mailfold/events";
import { newId, uuidFromId, uuidV5 } from "@mailfold/ids";
import type { Commit, CommitBody } from "@mailfold/journal";
import type { EventMetadata, MailboxId, NewEvent, VerdictId } from "@mailfold/kernel";
import type { DomainFact, RecipientFact } from "@mailfold/policy";
import type { HeaderFacts } from "./header-facts.ts";
import type { Judged } from "./judge.ts";
import type { SmtpLimits } from "./smtp-config.ts";
import { deliveryFields, receivedField, submissionFields, type TraceSource } from "./trace-headers.ts";
import type { Transaction } from "./transaction.ts";
import { eventMetadata, newEvent, type Origin, type Owner, verdictEvent } from "./verdict-event.ts";

/** A message that at least one recipient takes, judged for each. */
export interface AcceptedMessage {
  readonly transaction: Transaction;
  readonly judged: readonly Judged[];
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly header: HeaderFacts;
  readonly trace: TraceSource;
  readonly sessionId: string;
  readonly limits: SmtpLimits;
}

/** Bodies of mail that has no tenant (relayed on the platform's account). */
const platformBodies = "platform";
const firstJudgementMs = 5 * 60_000;

/**
 * The one commit of a transaction: each recipient's verdict; a delivery per mailbox, a hold per refused or quarantined
 * copy, one outbound message for all that is relayed; each tenant's body once.
 */
export function buildCommit(message: AcceptedMessage): Commit {
  return new CommitBuilder(message).build();
}

class CommitBuilder {
  private readonly message: AcceptedMessage;
  private readonly origin: Origin;
  private readonly occurredAt: number;
  private readonly events = new Map<string, NewEvent[]>();
  private readonly bodies = new Map<string, CommitBody>();
  private readonly holds: { readonly stream: string; readonly ref: BodyRef }[] = [];
  private readonly delivered = new Set<MailboxId>();
  private readonly heldBack: { readonly copy: Copy; readonly kind: HoldKind }[] = [];
  private readonly metadata = new Map<string, EventMetadata>();
  private readonly isOnlyRecipient: boolean;

  constructor(message: AcceptedMessage) {
    this.message = message;
    this.origin = { sessionId: message.sessionId, transactionId: message.transaction.id };
    this.occurredAt = message.trace.receivedAt;
    this.isOnlyRecipient = message.judged.length === 1;
  }

  build(): Commit {
    const relayed: Judged[] = [];
    for (const judged of this.message.judged) {
      const verdictId = newId("verdict");
      this.addVerdict(judged, verdictId);
      if (judged.verdict.route === "relay") relayed.push(judged);
      else this.addLocal(judged, verdictId);
    }
    for (const { copy, kind } of this.heldBack) this.addHeld(copy, kind);
    this.addOutbound(relayed);
    const appends: Append[] = [...this.events].map(([stream, events]) => ({ stream, expected: "any", events }));
    return {
      bodies: [...this.bodies.values()],
      appends,
      holds: this.holds,
      transactionId: this.message.transaction.id,
    };
  }

  private addVerdict(judged: Judged, verdictId: VerdictId): void {
    const { header, bytes } = this.message;
    const found = judged.facts.recipient?.found;
    const notes = {
      messageIdHeader: header.messageId,
      subject: header.subject,
      sizeBytes: bytes.length,
      mailboxId: found?.kind === "local" && found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined,
    };
    const of = { verdictId, origin: this.origin, ...this.meta(judged, judged.verdict) };
    const event = verdictEvent(judged, of, notes);
    this.append(streams.verdict(judged.verdict.tenantId ?? "platform", this.occurredAt), event);
  }

  private addLocal(judged: Judged, verdictId: VerdictId): void {
    const found = judged.facts.recipient?.found;
    if (found?.kind !== "local") return;
    for (const target of found.targets) {
      const copy = { judged, verdictId, target, owner: found.domain };
      const kind = holdKind(judged, target);
      if (kind === undefined) this.addDelivery(copy);
      // An address of a mailbox may be refused while another of it is taken: what is taken counts, whatever the order.
      else this.heldBack.push({ copy, kind });
    }
  }

  /** An address and its alias are one mailbox: one copy. */
  private isFirstOf(mailboxId: MailboxId): boolean {
    if (this.delivered.has(mailboxId)) return false;
    this.delivered.add(mailboxId);
    return true;
  }

  private prefixOf({ judged, target }: Copy): string {
    return deliveryFields(this.message.transaction.sender.address, target.address) + this.received(judged);
  }

  private addDelivery(copy: Copy): void {
    const { mailboxId } = copy.target;
    if (!this.isFirstOf(mailboxId)) return;
    const body = this.body(copy.owner.tenantId);
    const prefix = this.prefixOf(copy);
    const data: MessageDelivered["data"] = {
      deliveryId: this.deliveryId(mailboxId),
      folder: copy.judged.verdict.action === "junk" ? { specialUse: "junk" } : "INBOX",
      body,
      prefix,
      sizeBytes: Buffer.byteLength(prefix) + body.sizeBytes,
      internalDate: this.occurredAt,
      flags: [],
      transactionId: this.message.transaction.id,
      verdictId: copy.verdictId,
    };
    const stream = streams.mail(mailboxId);
    this.append(stream, newEvent<MessageDelivered>("MessageDelivered", data, this.meta(copy.judged, copy.owner)));
    this.hold(stream, body);
  }

  private addHeld(copy: Copy, kind: HoldKind): void {
    const { judged } = copy;
    const { mailboxId } = copy.target;
    if (!this.isFirstOf(mailboxId)) return;
    const { limits, transaction } = this.message;
    const body = this.body(copy.owner.tenantId);
    const prefix = this.prefixOf(copy);
    const data: MessageHeld["data"] = {
      holdId: this.deliveryId(mailboxId),
      kind,
      transactionId: transaction.id,
      verdictId: copy.verdictId,
      recipient: judged.facts.recipient?.address ?? "",
      sender: transaction.sender.address,
      mailboxId,
      body,
      prefix,
      sizeBytes: Buffer.byteLength(prefix) + body.sizeBytes,
      expiresAt: this.occurredAt + (kind === "deferred" ? limits.deferredLifetimeMs : limits.quarantineMs),
      ...(kind === "deferred" ? { judgeAgainAt: this.occurredAt + firstJudgementMs } : {}),
      facts: judged.facts as unknown as Readonly<Record<string, unknown>>,
      attempt: 0,
      ...this.heldNotes(copy),
    };
    const stream = streams.hold(copy.owner.tenantId, data.holdId);
    this.append(stream, newEvent<MessageHeld>("MessageHeld", data, this.meta(judged, copy.owner)));
    this.hold(stream, body);
  }

  /** What a list of held copies shows of one. */
  private heldNotes({ judged, owner }: Copy) {
    const { subject, messageId } = this.message.header;
    const { reason, score } = judged.verdict;
    return {
      domainId: owner.domainId,
      reason,
      ...(subject === undefined ? {} : { subject }),
      ...(messageId === undefined ? {} : { messageIdHeader: messageId }),
      ...(score === undefined ? {} : { score }),
    };
  }

  private addOutbound(relayed: readonly Judged[]): void {
    const [head] = relayed;
    if (head === undefined) return;
    const { transaction, limits } = this.message;
    const body = this.body(head.verdict.tenantId ?? platformBodies);
    const prefix = this.received(head, relayed.length === 1);
    const data: MessageQueued["data"] = {
      messageId: transaction.id,
      sender: transaction.sender.address,
      recipients: relayed.map((judged) => judged.facts.recipient?.address ?? ""),
      body,
      prefix,
      sizeBytes: Buffer.byteLength(prefix) + body.sizeBytes,
      vouchedBy: head.verdict.vouchedBy ?? "none",
      expiresAt: this.occurredAt + limits.outboundLifetimeMs,
      smtpUtf8: transaction.smtpUtf8,
      eightBit: transaction.eightBit,
    };
    const stream = streams.outbound(transaction.id);
    this.append(stream, newEvent<MessageQueued>("MessageQueued", data, this.meta(head, head.verdict)));
    this.hold(stream, body);
  }

  private received(judged: Judged, isOnly: boolean = this.isOnlyRecipient): string {
    const { trace, header } = this.message;
    const field = receivedField(trace, isOnly ? judged.facts.recipient?.address : undefined);
    if (!trace.isAuthenticated) return field;
    return field + submissionFields(trace, { date: header.hasDate, messageId: header.messageId !== undefined });
  }

  private deliveryId(mailboxId: MailboxId): string {
    return uuidV5(uuidFromId(this.message.transaction.id), mailboxId);
  }

  private body(tenantId: string): BodyRef {
    const known = this.bodies.get(tenantId);
    if (known !== undefined) return known.ref;
    const { bytes, sha256 } = this.message;
    const ref = { tenantId, sha256, sizeBytes: bytes.length };
    this.bodies.set(tenantId, { ref, bytes });
    return ref;
  }

  private hold(stream: string, ref: BodyRef): void {
    this.holds.push({ stream, ref });
  }

  private append(stream: string, event: NewEvent): void {
    const known = this.events.get(stream);
    if (known === undefined) this.events.set(stream, [event]);
    else known.push(event);
  }

  private meta(judged: Judged, owner: Owner) {
    const key = `${owner.tenantId} ${owner.resellerId}`;
    // Peer and login are the message's, so an owner's events say the same of themselves: one object, written once.
    const metadata = this.metadata.get(key) ?? eventMetadata(judged.facts, owner, this.origin);
    this.metadata.set(key, metadata);
    return { metadata, occurredAt: this.occurredAt };
  }
}

type Target = Extract<RecipientFact, { readonly kind: "local" }>["targets"][number];

interface Copy {
  readonly judged: Judged;
  readonly verdictId: VerdictId;
  readonly target: Target;
  readonly owner: DomainFact;
}

type HoldKind = MessageHeld["data"]["kind"];

/**
 * Why a copy is held instead of delivered. An alias's suspended or full mailbox does not stop the others' copies, and its
 * own is not lost.
 */
function holdKind(
  { verdict }: Judged,
  target: { readonly suspended: boolean; readonly overQuota: boolean },
): HoldKind | undefined {
  if (verdict.action === "defer") return "deferred";
  if (verdict.action === "discard") return "discarded";
  if (verdict.action === "reject" || verdict.action === "quarantine" || target.suspended) return "quarantined";
  return target.overQuota ? "deferred" : undefined;
}
