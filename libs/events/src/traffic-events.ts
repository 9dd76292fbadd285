import type { DomainEvent, DomainId, MailboxId, MessageId, ShadowId, VerdictId } from "@mailfold/kernel";
import type { BodyRef, MessageDelivered } from "./mail-events.ts";

/** A policy verdict of one recipient (or of one session where no recipient was reached). */
export type VerdictRecorded = DomainEvent<
  "VerdictRecorded",
  {
    readonly verdictId: VerdictId;
    readonly transactionId: MessageId;
    readonly action: "accept" | "reject" | "defer" | "quarantine" | "junk" | "discard";
    readonly code: number;
    readonly enhancedCode: string;
    readonly text: string;
    /** Closed catalogue: libs/policy reasons. */
    readonly reason: string;
    readonly phase: "connect" | "helo" | "mail" | "rcpt" | "data";
    /** Scope id whose setting or entry decided. */
    readonly scope: string;
    /** Id of the last policy event in the snapshot used. */
    readonly policyEvent?: string;
    readonly engineVersion: number;
    readonly decisiveLine: {
      readonly step: string;
      readonly setting?: string;
      readonly setAtScope?: string;
      readonly byEvent?: string;
      readonly detail?: string;
    };
    /** Spam by its score, but only with the points of lists: the learner takes it for no evidence. */
    readonly byLists?: boolean;
    /** Everything that evaluate() read: libs/policy Facts, JSON. */
    readonly facts: Readonly<Record<string, unknown>>;
    readonly messageIdHeader?: string;
    readonly subject?: string;
    readonly sizeBytes?: number;
    readonly mailboxId?: MailboxId;
    /** Shadows that judged the mail, too; without an action where they came to the same. */
    readonly shadows?: readonly ShadowVerdict[];
  }
>;
/** What a shadow came to: nothing of it was done. */
export interface ShadowVerdict {
  readonly shadowId: ShadowId;
  readonly action?: VerdictRecorded["data"]["action"];
  readonly reason?: string;
}
/** A flood's aggregate: more than 10 a minute of one (prefix, reason, tenant). */
export type VerdictsRepeated = DomainEvent<
  "VerdictsRepeated",
  {
    readonly prefix: string;
    readonly reason: string;
    readonly count: number;
    readonly from: number;
    readonly to: number;
    readonly samples: readonly { readonly verdictId: VerdictId; readonly sender: string; readonly recipient: string }[];
  }
>;
/** Cluster intake: the whole transaction, before fan-out appends each recipient's events with derived ids. */
export type MessageAccepted = DomainEvent<
  "MessageAccepted",
  {
    readonly transactionId: MessageId;
    readonly appends: readonly {
      readonly stream: string;
      readonly events: readonly {
        readonly id: string;
        readonly type: string;
        readonly data: unknown;
        readonly metadata: unknown;
        readonly occurredAt: number;
      }[];
    }[];
    readonly bodies: readonly BodyRef[];
  }
>;

/** Mail that may leave. One stream per message; `vouchedBy` says to whom a bounce may go. */
export type MessageQueued = DomainEvent<
  "MessageQueued",
  {
    readonly messageId: MessageId;
    /** Envelope sender, "" = null sender. */
    readonly sender: string;
    readonly recipients: readonly string[];
    readonly body: BodyRef;
    readonly prefix: string;
    readonly sizeBytes: number;
    readonly vouchedBy: "login" | "ip-entry" | "none";
    readonly expiresAt: number;
    readonly smtpUtf8: boolean;
    readonly eightBit: boolean;
    /** Of mail that a rule redirects: what enters the redirecting mailboxes, with this body, when a recipient fails. */
    readonly ifFailed?: readonly KeptCopy[];
  }
>;
/** A delivery to a mailbox of ours that has not happened yet; fields as in MessageDelivered. */
export interface KeptCopy {
  readonly mailboxId: MailboxId;
  readonly deliveryId: string;
  readonly folder: MessageDelivered["data"]["folder"];
  readonly prefix: string;
  readonly flags: readonly string[];
  readonly internalDate: number;
  readonly verdictId: VerdictId;
}
export interface RecipientResult {
  readonly recipient: string;
  readonly outcome: "delivered" | "deferred" | "failed";
  readonly code?: number;
  readonly enhancedCode?: string;
  /** The remote server's words, or ours; at most 500 characters. */
  readonly text: string;
}
export type DeliveryAttempted = DomainEvent<
  "DeliveryAttempted",
  {
    readonly messageId: MessageId;
    readonly attempt: number;
    readonly host: string;
    readonly ip?: string;
    readonly tls: "none" | "opportunistic";
    readonly results: readonly RecipientResult[];
    /** When deferred recipients are tried again; absent when none is left. */
    readonly nextAttemptAt?: number;
  }
>;
/** No recipient is left. `bounced` names the mailbox stream or outbound stream that took the RFC 3464 report. */
export type OutboundFinished = DomainEvent<
  "OutboundFinished",
  {
    readonly messageId: MessageId;
    readonly delivered: number;
    readonly failed: number;
    readonly bounce: "sent" | "suppressed" | "not-needed";
  }
>;

/** A copy kept instead of delivered. `discarded` = hidden; `deferred` = judged again at `judgeAgainAt`. */
export type MessageHeld = DomainEvent<
  "MessageHeld",
  {
    readonly holdId: string;
    readonly kind: "quarantined" | "discarded" | "deferred";
    readonly transactionId: MessageId;
    readonly verdictId: VerdictId;
    readonly recipient: string;
    readonly sender: string;
    readonly mailboxId: MailboxId;
    readonly body: BodyRef;
    readonly prefix: string;
    readonly sizeBytes: number;
    readonly expiresAt: number;
    readonly judgeAgainAt?: number;
    /** libs/policy Facts of the verdict: what a second judgement starts from. */
    readonly facts: Readonly<Record<string, unknown>>;
    readonly attempt: number;
    /** Domain of the recipient's address. */
    readonly domainId?: DomainId;
    /** Header fields for the list, decoded, one line each. */
    readonly subject?: string;
    readonly messageIdHeader?: string;
    /** Why it is held: the verdict's reason and points. */
    readonly reason?: string;
    readonly score?: number;
    /** Where a rule would have filed it; a release delivers it there. */
    readonly folder?: MessageDelivered["data"]["folder"];
  }
>;
export type HeldMessageSettled = DomainEvent<
  "HeldMessageSettled",
  {
    readonly holdId: string;
    readonly outcome: "delivered" | "expired" | "rejected" | "deferred";
    readonly verdictId?: VerdictId;
    readonly judgeAgainAt?: number;
    /** Judgements that have deferred it by now. */
    readonly attempt?: number;
  }
>;
/** Somebody had a held copy delivered after all: the mailbox has it (deliveryId = holdId). Who, say the metadata. */
export type HeldMessageReleased = DomainEvent<
  "HeldMessageReleased",
  { readonly holdId: string; readonly mailboxId: MailboxId }
>;
/** Somebody threw a held copy away. */
export type HeldMessageDeleted = DomainEvent<"HeldMessageDeleted", { readonly holdId: string }>;

export type SignedIn = DomainEvent<
  "SignedIn",
  { readonly mailboxId: MailboxId; readonly protocol: string; readonly ip: string; readonly mechanism: string }
>;
export type SignInFailed = DomainEvent<
  "SignInFailed",
  {
    readonly mailboxId: MailboxId;
    readonly protocol: string;
    readonly ip: string;
    readonly mechanism: string;
    readonly cause: string;
  }
>;

export type TrafficEvent =
  | VerdictRecorded
  | VerdictsRepeated
  | MessageAccepted
  | MessageQueued
  | DeliveryAttempted
  | OutboundFinished
  | MessageHeld
  | HeldMessageSettled
  | HeldMessageReleased
  | HeldMessageDeleted
  | SignedIn
  | SignInFailed;
