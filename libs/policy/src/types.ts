import type { DomainId, MailboxId, ResellerId, TenantId } from "@mailfold/kernel";
import type {
  AuthenticationFact,
  ClassifierFact,
  ContentFindingFact,
  Delivery,
  RulesFact,
  ScanFact,
  ScorePart,
} from "./content-facts.ts";
import type { CounterFact, DnsListFact, DnsListZone, GreylistFact, NameFact, SpfFact } from "./peer-facts.ts";

import type { ScopePath } from "./policy-port.ts";

export type * from "./policy-port.ts";

/** Raised whenever evaluate() could answer differently for the same facts and policy. */
export const engineVersion = 5;

export type Phase = "connect" | "helo" | "mail" | "rcpt" | "data";
export type Action = "accept" | "reject" | "defer" | "quarantine" | "junk" | "discard";

/** Where mail of a domain belongs. `verified` decides relaying; an unverified domain may receive. */
export interface DomainFact {
  readonly domainId: DomainId;
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly name: string;
  readonly verified: boolean;
  /** The tenant's suspension switches in force. */
  readonly tenantInboundOff: boolean;
  readonly tenantSubmissionOff: boolean;
}

/** What the directory says of a recipient address. */
export type RecipientFact =
  | {
      readonly kind: "local";
      readonly domain: DomainFact;
      /** Mailboxes that get a copy: one, or an alias's targets. */
      readonly targets: readonly {
        readonly mailboxId: MailboxId;
        readonly address: string;
        readonly suspended: boolean;
        readonly overQuota: boolean;
      }[];
    }
  /** The domain is ours, the address is not there. */
  | { readonly kind: "unknown"; readonly domain: DomainFact }
  /** Not a domain of ours; `isOwnHost` = this host itself was meant (RFC 5321 4.5.1), where nobody has a mailbox. */
  | {
      readonly kind: "foreign";
      readonly isOwnHost?: boolean;
      /**
       * The address was written to one that we made for mail sent on from this domain, and is the sender of that mail: a
       * bounce goes back to it. Only the edge, which checked its own signature in the address, says so.
       */
      readonly bounceFor?: DomainFact;
    };

/** Forward-confirmed reverse DNS of the peer, or why there is none. */
export type HostFact =
  | {
      readonly status: "confirmed";
      readonly name: string /** Owner of the name's domain, when it is one of ours. */;
      readonly owner?: DomainFact;
    }
  | { readonly status: "none" | "mismatch" | "failed" };

export interface LoginFact {
  readonly mailboxId: MailboxId;
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly domainId: DomainId;
  readonly address: string;
  /** Canonical addresses this login may send as: its own and its aliases'. */
  readonly ownAddresses: readonly string[];
  readonly submissionOff: boolean;
}

/** How the address was written, before canonical form: forms that are refused. */
export type AddressForm =
  | "plain"
  | "percent-hack"
  | "bang-path"
  | "source-route"
  | "quoted-local"
  | "ip-literal"
  | "not-ascii"
  | "malformed";

/** Everything evaluate() may read, gathered phase by phase; a verdict's event keeps it whole. Plain JSON. */
export interface Facts {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly listener: "mx" | "submission";
  readonly ip: string;
  readonly tls: boolean;
  readonly host?: HostFact;
  readonly helo?: string;
  readonly login?: LoginFact;
  readonly sender?: {
    /** Canonical; "" = null sender. */
    readonly address: string;
    readonly form: AddressForm;
    /** Declared SIZE, octets. */
    readonly declaredSizeBytes?: number;
  };
  /** Owner of the sender's domain when it is ours, and whether the address is a live mailbox or alias. null = looked up: not ours. */
  readonly senderOwner?: {
    readonly domain: DomainFact;
    readonly mailboxId?: MailboxId;
    readonly isAddress: boolean;
  } | null;
  readonly recipient?: {
    readonly address: string;
    readonly form: AddressForm;
    readonly found: RecipientFact;
    /** Recipients accepted before this one in the transaction. */
    readonly acceptedBefore: number;
  };
  /**
   * State of the tenant on whose behalf this peer would relay by an IP entry, asked for by the need `peerTenant`
   * (its id is Evaluation.tenantId). null = looked up: no such tenant.
   */
  readonly peerTenant?: {
    readonly tenantId: TenantId;
    readonly resellerId: ResellerId;
    readonly submissionOff: boolean;
  } | null;
  /** The tenant that relay recipients before this one were relayed for, if any. */
  readonly relayTenant?: TenantId;
  /** Of the name given with HELO; asked for by the need `heloName`. */
  readonly heloName?: NameFact;
  /** Of MAIL FROM's domain; need `senderDomain`. */
  readonly senderDomain?: NameFact;
  /** Need `spf`. */
  readonly spf?: SpfFact;
  /** One for each zone asked (Evaluation.zones); need `dnsLists`. */
  readonly dnsLists?: readonly DnsListFact[];
  /** Need `counters`; for outgoing recipients. */
  readonly counters?: CounterFact;
  /** Need `greylist`; the edge is told the delay (Evaluation.greylistDelaySeconds). */
  readonly greylist?: GreylistFact;
  /** Mail came through a trusted relay: the first address beyond them in Received; null = none found. Known after DATA. */
  readonly origin?: { readonly ip: string } | null;
  readonly content?: {
    readonly sizeBytes: number;
    readonly bareLineEnd: boolean;
    /** Addresses in From and Reply-To header fields; canonical where parsable. */
    readonly from: readonly string[];
    readonly replyTo: readonly string[];
    readonly fromCount: number;
    readonly received: number;
    /** Delivered-To values, canonical. */
    readonly deliveredTo: readonly string[];
    readonly broken: boolean;
    /** Need `authentication`; of the whole message, so the same for each recipient. */
    readonly authentication?: AuthenticationFact;
    /** Need `scan`. */
    readonly scan?: ScanFact;
    /** Need `classify`; of the recipient's tenant. */
    readonly classifier?: ClassifierFact;
    /** Need `findings`; of the recipient's settings. */
    readonly findings?: readonly ContentFindingFact[];
    /** Need `rules`; run by the edge over the recipient's scopes with the score so far (Evaluation.score). */
    readonly rules?: RulesFact;
  };
}

/** A fact the edge must fetch before asking again. A failed fetch is a fact too (HostFact.failed). */
export type Need =
  | "host"
  | "senderOwner"
  | "peerTenant"
  | "heloName"
  | "senderDomain"
  | "spf"
  | "dnsLists"
  | "counters"
  | "greylist"
  | "authentication"
  | "scan"
  | "classify"
  | "findings"
  | "rules";

export interface TraceLine {
  readonly step: string;
  readonly outcome: "pass" | "match" | "refuse" | "skip";
  readonly setting?: string;
  readonly setAtScope?: string;
  readonly byEvent?: string;
  readonly detail?: string;
}

export interface Verdict {
  readonly action: Action;
  readonly code: number;
  readonly enhancedCode: string;
  readonly text: string;
  readonly reason: ReasonName;
  readonly phase: Phase;
  /** Scope id that decided. */
  readonly scope: string;
  /** Tenant on whose behalf: the recipient's, or the relaying one's. Undefined = platform. */
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
  /** Last policy event in the snapshot used; undefined = no policy event yet. */
  readonly policyEvent?: string;
  readonly engineVersion: number;
  readonly decisive: TraceLine;
  /** Present when explain was asked for. */
  readonly trace?: readonly TraceLine[];
  /** For an accepted recipient: local delivery or relay. */
  readonly route?: "local" | "relay";
  /** For relay: to whom a bounce may go. */
  readonly vouchedBy?: "login" | "ip-entry" | "none";
  /** Answer at once instead of holding until RCPT. */
  readonly immediate: boolean;
  /** Close the connection after the reply. */
  readonly close: boolean;
  /** Points so far and what they are made of; absent when nothing was scored. */
  readonly score?: number;
  readonly scoreParts?: readonly ScorePart[];
  /** Spam by its score, but only with the points of phrase, link-domain and DNS lists: nothing to learn from. */
  readonly byLists?: boolean;
  /** For a copy that is taken: what thresholds and rules ask for. */
  readonly delivery?: Delivery;
  /** Wait before the reply, ms (recipientDelayMs). */
  readonly delayMs?: number;
}
/** Key of the `reasons` catalogue. */
export type ReasonName = string;

export type Evaluation = { readonly verdict: Verdict; readonly needs?: never } | MissingFacts;

/** The facts to fetch before asking again, and what the fetching must know. */
export interface MissingFacts {
  readonly needs: readonly Need[];
  /** Whose state `peerTenant`, whose counters, whose classifier. */
  readonly tenantId?: TenantId;
  /** With `dnsLists`: zones to ask. */
  readonly zones?: readonly DnsListZone[];
  /** With `greylist`. */
  readonly greylistDelaySeconds?: number;
  /** With `scan`: which scanners this recipient's policy wants. */
  readonly scanners?: readonly ("rspamd" | "clamav")[];
  /** With `rules` and `findings`: the recipient's scopes, for CompiledPolicy.rules and .value. */
  readonly path?: ScopePath;
  /** With `rules`: points so far, for `score` conditions. */
  readonly score?: number;
  readonly verdict?: never;
}
