import type { Append } from "@mailfold/event-store";
import type { KeptCopy, MessageDelivered, MessageHeld, MessageQueued } from "@mailfold/events";
import { streams } from "@mailfold/events";
import { idFromUuid, newId, uuidFromId, uuidV5 } from "@mailfold/ids";
import type { Commit } from "@mailfold/journal";
import type { EventMetadata, MailboxId, MessageId, NewEvent, VerdictId } from "@mailfold/kernel";
import type { AcceptedMessage } from "./accepted-message.ts";
import { CommitBodies } from "./commit-bodies.ts";
import { alike, type Copy, type HoldKind, holdKind, namedFolder } from "./commit-copies.ts";
import { ruleFields, spamField } from "./content/added-fields.ts";
import { forwardId, type QueuedForward } from "./forward/queue-forwards.ts";
import type { Judged } from "./judge.ts";
import { quarantineMs } from "./quarantine-time.ts";
import { deliveryFields } from "./trace-headers.ts";
import { eventMetadata, newEvent, type Origin, type Owner, verdictEvent } from "./verdict-event.ts";

/** Bodies of mail that has no tenant (relayed on the platform's account). */
const platformBodies = "platform";
const firstJudgementMs = 5 * 60_000;

/**
 * The one commit of a transaction: each recipient's verdict; a delivery per mailbox, a hold per refused or quarantined
 * copy, one outbound message for all that is relayed and one for each recipient whose mail is sent on; each tenant's body once.
 */
export function buildCommit(message: AcceptedMessage): Commit {
  return new CommitBuilder(message).build();
}

class CommitBuilder {
  private readonly message: AcceptedMessage;
  private readonly origin: Origin;
  private readonly occurredAt: number;
  private readonly events = new Map<string, NewEvent[]>();
  private readonly bodies: CommitBodies;
  private readonly delivered = new Set<MailboxId>();
  private readonly verdictIds = new Map<Judged, VerdictId>();
  private readonly heldBack: { readonly copy: Copy; readonly kind: HoldKind }[] = [];
  private readonly metadata = new Map<string, EventMetadata>();
  private readonly isOnlyRecipient: boolean;

  constructor(message: AcceptedMessage) {
    this.message = message;
    this.origin = { sessionId: message.sessionId, transactionId: message.transaction.id };
    this.occurredAt = message.occurredAt;
    this.isOnlyRecipient = message.judged.length === 1;
    this.bodies = new CommitBodies(message);
  }

  build(): Commit {
    const relayed: Judged[] = [];
    for (const [at, judged] of this.message.judged.entries()) {
      const verdictId = (at === 0 ? this.message.verdictId : undefined) ?? newId("verdict");
      this.verdictIds.set(judged, verdictId);
      this.addVerdict(judged, verdictId);
      if (judged.verdict.route !== "relay") this.addLocal(judged, verdictId);
      else if (!this.message.redirected.has(judged)) relayed.push(judged);
    }
    for (const { copy, kind } of this.heldBack) this.addHeld(copy, kind);
    for (const group of alike(relayed)) this.addRelayed(group);
    for (const forward of this.message.forwards) this.addForward(forward);
    const appends: Append[] = [...this.events].map(([stream, events]) => ({ stream, expected: "any", events }));
    return {
      bodies: this.bodies.all,
      appends,
      holds: this.bodies.holds,
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
      // An address of a mailbox may be refused while another of it is taken: what is taken counts, whatever the order. Of
      // mail that is sent on there is no copy to hold.
      else if (!this.message.redirected.has(judged)) this.heldBack.push({ copy, kind });
    }
  }

  /** An address and its alias are one mailbox: one copy. */
  private isFirstOf(mailboxId: MailboxId): boolean {
    if (this.delivered.has(mailboxId)) return false;
    this.delivered.add(mailboxId);
    return true;
  }

  private prefixOf({ judged, target }: Copy): string {
    const results = this.message.results.get(judged) ?? "";
    const added = results + spamField(judged.verdict) + ruleFields(judged.verdict.delivery?.headers);
    return deliveryFields(this.message.transaction.sender.address, target.address) + added + this.received(judged);
  }

  private addDelivery(copy: Copy): void {
    const { mailboxId } = copy.target;
    const isRedirected = this.message.redirected.has(copy.judged);
    const copies = copy.judged.verdict.delivery?.copies ?? [];
    if (!isRedirected && this.isFirstOf(mailboxId)) {
      this.addDelivered(copy, this.folderOf(copy), this.deliveryId(mailboxId));
    }
    for (const name of copies) {
      const deliveryId = uuidV5(this.deliveryId(mailboxId), `copy to ${name}`);
      this.addDelivered(copy, namedFolder(name, deliveryId), deliveryId);
    }
  }

  private addDelivered(copy: Copy, folder: MessageDelivered["data"]["folder"], deliveryId: string): void {
    const { mailboxId } = copy.target;
    const { delivery } = copy.judged.verdict;
    const stream = streams.mail(mailboxId);
    const body = this.bodies.of(copy.owner.tenantId, stream, delivery?.subjectTag);
    const prefix = this.prefixOf(copy);
    const data: MessageDelivered["data"] = {
      deliveryId,
      folder,
      body,
      prefix,
      sizeBytes: Buffer.byteLength(prefix) + body.sizeBytes,
      internalDate: this.message.receivedAt,
      flags: delivery?.flags ?? [],
      transactionId: this.message.transaction.id,
      verdictId: copy.verdictId,
    };
    this.append(stream, newEvent<MessageDelivered>("MessageDelivered", data, this.meta(copy.judged, copy.owner)));
  }

  /** A rule's folder wins over Junk: whoever wrote the rule knew better. */
  private folderOf({ judged: { verdict }, target }: Copy): MessageDelivered["data"]["folder"] {
    const name = verdict.delivery?.folder;
    if (name !== undefined) return namedFolder(name, this.deliveryId(target.mailboxId));
    return verdict.action === "junk" ? { specialUse: "junk" } : "INBOX";
  }

  private addHeld(copy: Copy, kind: HoldKind): void {
    const { judged } = copy;
    const { mailboxId } = copy.target;
    if (!this.isFirstOf(mailboxId)) return;
    const { limits, transaction } = this.message;
    const holdId = this.deliveryId(mailboxId);
    const stream = streams.hold(copy.owner.tenantId, holdId);
    const body = this.bodies.of(copy.owner.tenantId, stream);
    const prefix = this.prefixOf(copy);
    const keptMs = kind === "deferred" ? limits.deferredLifetimeMs : this.quarantineMs(copy);
    const data: MessageHeld["data"] = {
      holdId,
      kind,
      transactionId: transaction.id,
      verdictId: copy.verdictId,
      recipient: judged.facts.recipient?.address ?? "",
      sender: transaction.sender.address,
      mailboxId,
      body,
      prefix,
      sizeBytes: Buffer.byteLength(prefix) + body.sizeBytes,
      expiresAt: this.occurredAt + keptMs,
      ...(kind === "deferred" ? { judgeAgainAt: this.occurredAt + firstJudgementMs } : {}),
      facts: judged.facts as unknown as Readonly<Record<string, unknown>>,
      attempt: 0,
      ...this.heldNotes(copy),
    };
    this.append(stream, newEvent<MessageHeld>("MessageHeld", data, this.meta(judged, copy.owner)));
  }

  private quarantineMs({ owner, target }: Copy): number {
    const { tenantId, resellerId, domainId } = owner;
    const ms = quarantineMs(this.message.policy, { tenantId, resellerId, domainId, mailboxId: target.mailboxId });
    return ms > 0 ? ms : this.message.limits.quarantineMs;
  }

  /** What a list of held copies shows of one, and where a release delivers it. */
  private heldNotes(copy: Copy) {
    const { subject, messageId } = this.message.header;
    const { reason, score, delivery } = copy.judged.verdict;
    return {
      domainId: copy.owner.domainId,
      reason,
      ...(subject === undefined ? {} : { subject }),
      ...(messageId === undefined ? {} : { messageIdHeader: messageId }),
      ...(score === undefined ? {} : { score }),
      ...(delivery?.folder === undefined ? {} : { folder: this.folderOf(copy) }),
    };
  }

  private addRelayed(group: readonly Judged[]): void {
    const [head] = group;
    if (head === undefined) return;
    const { transaction } = this.message;
    const { delivery } = head.verdict;
    const recipients = group.map((judged) => judged.facts.recipient?.address ?? "");
    // The first message of a transaction has its id; rules that treat recipients differently make more of them.
    const isFirst = !this.events.has(streams.outbound(transaction.id));
    this.addQueued(head, head.verdict, {
      messageId: isFirst ? transaction.id : this.derivedId(`relay ${recipients[0]}`),
      sender: transaction.sender.address,
      recipients,
      prefix: ruleFields(delivery?.headers) + this.received(head, group.length === 1),
      vouchedBy: head.verdict.vouchedBy ?? "none",
      tag: delivery?.subjectTag,
    });
  }

  private addForward({ judged, owner, sender, recipients, prefix, vouchedBy, tag }: QueuedForward): void {
    const messageId = forwardId(this.message.transaction.id, judged);
    const kept = this.keptCopies(judged);
    const ifFailed = kept.length === 0 ? {} : { ifFailed: kept };
    this.addQueued(judged, owner, { messageId, sender, recipients, prefix, vouchedBy, tag, ...ifFailed });
  }

  /** We said that we have the mail, so a copy that is sent on and fails enters its mailbox after all. */
  private keptCopies(judged: Judged): readonly KeptCopy[] {
    const found = judged.facts.recipient?.found;
    const verdictId = this.verdictIds.get(judged);
    if (found?.kind !== "local" || verdictId === undefined || !this.message.redirected.has(judged)) return [];
    const shared = judged === this.message.judged[0] ? (this.message.sharedWith ?? []) : [];
    return [...found.targets, ...shared].map((target) => {
      const copy = { judged, verdictId, target, owner: found.domain };
      return {
        mailboxId: target.mailboxId,
        // The one of a delivery at once: a mailbox that has the mail by another of its addresses gets no second copy.
        deliveryId: this.deliveryId(target.mailboxId),
        folder: this.folderOf(copy),
        prefix: this.prefixOf(copy),
        flags: judged.verdict.delivery?.flags ?? [],
        internalDate: this.message.receivedAt,
        verdictId,
      };
    });
  }

  private addQueued(
    judged: Judged,
    owner: Owner,
    queued: Pick<MessageQueued["data"], "messageId" | "sender" | "recipients" | "prefix" | "vouchedBy" | "ifFailed"> & {
      readonly tag: string | undefined;
    },
  ): void {
    const { transaction, limits } = this.message;
    const { tag, ...envelope } = queued;
    const stream = streams.outbound(queued.messageId);
    const body = this.bodies.of(owner.tenantId ?? platformBodies, stream, tag);
    const data: MessageQueued["data"] = {
      ...envelope,
      body,
      sizeBytes: Buffer.byteLength(queued.prefix) + body.sizeBytes,
      expiresAt: this.occurredAt + limits.outboundLifetimeMs,
      smtpUtf8: transaction.smtpUtf8,
      eightBit: transaction.eightBit,
    };
    this.append(stream, newEvent<MessageQueued>("MessageQueued", data, this.meta(judged, owner)));
  }

  private derivedId(name: string): MessageId {
    return idFromUuid("message", uuidV5(uuidFromId(this.message.transaction.id), name));
  }

  private received(judged: Judged, isOnly: boolean = this.isOnlyRecipient): string {
    return this.message.received(isOnly ? judged.facts.recipient?.address : undefined);
  }

  private deliveryId(mailboxId: MailboxId): string {
    return uuidV5(uuidFromId(this.message.transaction.id), mailboxId);
  }

  private append(stream: string, event: NewEvent): void {
    const known = this.events.get(stream);
    if (known === undefined) this.events.set(stream, [event]);
    else known.push(event);
  }

  private meta(judged: Judged, owner: Owner) {
    const key = `${owner.tenantId} ${owner.resellerId}`;
    // Peer and login are the message's, so an owner's events say the same of themselves: one object, written once.
    const { actor } = this.message;
    const metadata = this.metadata.get(key) ?? {
      ...eventMetadata(judged.facts, owner, this.origin),
      ...(actor === undefined ? {} : { actor }),
    };
    this.metadata.set(key, metadata);
    return { metadata, occurredAt: this.occurredAt };
  }
}
