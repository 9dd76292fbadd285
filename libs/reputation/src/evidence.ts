import type { MailboxId, ResellerId, TenantId } from "@mailfold/kernel";
import { pointUnits } from "./tally.ts";

/** What speaks for or against a sender; `accepted` has no weight, it is the mail that the share of spam is a share of. */
export type EvidenceKind =
  | "userSpam"
  | "userNotSpam"
  | "contentSpam"
  | "trap"
  | "unknownRecipient"
  | "read"
  | "replied"
  | "accepted";

/** Points of each kind, in units. One table, shown in docs/explanation/learned-blacklists.md. */
export const evidenceUnits: Readonly<Record<EvidenceKind, number>> = {
  userSpam: pointUnits,
  userNotSpam: -1.5 * pointUnits,
  contentSpam: 0.5 * pointUnits,
  trap: 3 * pointUnits,
  unknownRecipient: 0.2 * pointUnits,
  read: -0.2 * pointUnits,
  replied: -0.2 * pointUnits,
  accepted: 0,
};

/** The tenant whose mail it was, as it stood when the evidence was written. */
export interface EvidenceTenant {
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  /** When the tenant was created, ms since the epoch. */
  readonly createdAt: number;
  /** It has one mailbox, so that no second reporter can be asked for. */
  readonly onlyMailbox?: boolean;
}

/** One event for or against a sender. Plain JSON. */
export interface Evidence {
  readonly kind: EvidenceKind;
  /** Of the event. An event is to be given once; a repeated id is ignored while the first is kept by name. */
  readonly id: string;
  /** Event time, ms since the epoch. */
  readonly at: number;
  readonly tenant: EvidenceTenant;
  /** The peer, or the first address beyond a trusted relay. */
  readonly peer: {
    readonly ip: string;
    readonly authenticated?: boolean;
    /** Which scope's trustedRelays name this address. */
    readonly trustedBy?: "tenant" | "platform";
    /** A relay that only the tenant trusts named this address: who could have it name anybody speaks for his own list alone. */
    readonly toldBy?: "tenant";
  };
  /** The From domain, only where DMARC found it aligned: a forged domain is not harmed. Lower case. */
  readonly alignedDomain?: string;
  /** The From address; counts only in `alignedDomain`. Canonical. */
  readonly sender?: string;
  /** Who marked, read or answered. */
  readonly reporter?: MailboxId;
  /** The recipient's copy it is about: each delivered copy is one mail of the sample. */
  readonly message?: {
    readonly key: string;
    /** When it came in: old mail counts as old, however late it is marked. */
    readonly at: number;
    /** It was taken, so that `accepted` is given for it too; false = refused for its content. */
    readonly taken: boolean;
  };
  /** Set where a list, a listing or a shadow brought this about: then it is no evidence. */
  readonly causedBy?: "list" | "listing" | "shadow";
}

export type Mark = "userSpam" | "userNotSpam";
/** Whether a kind is a user's word on one message. */
export const isMark = (kind: EvidenceKind): kind is Mark => kind === "userSpam" || kind === "userNotSpam";
/** Whether a kind says that its message was spam. */
export const saysSpam = (kind: EvidenceKind): boolean =>
  kind === "userSpam" || kind === "contentSpam" || kind === "trap";
