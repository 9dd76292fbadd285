import type { Scope, SenderList, SettingValue } from "@mailfold/domain";
import type { DomainId, MailboxId, ResellerId, SenderEntryId, TenantId } from "@mailfold/kernel";

/** Raised whenever evaluate() could answer differently for the same facts and policy. */
export const engineVersion = 2;

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
  | { readonly kind: "foreign"; readonly isOwnHost?: boolean };

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
  };
}

/** A fact the edge must fetch before asking again. A failed fetch is a fact too (HostFact.failed). */
export type Need = "host" | "senderOwner" | "peerTenant";

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
}
/** Key of the `reasons` catalogue. */
export type ReasonName = string;

export type Evaluation =
  | { readonly verdict: Verdict; readonly needs?: never }
  /** `tenantId`: whose state `peerTenant` asks for. */
  | { readonly needs: readonly Need[]; readonly tenantId?: TenantId; readonly verdict?: never };

/** A scope and its ancestors, widest first; a missing one is skipped. */
export interface ScopePath {
  readonly resellerId?: ResellerId;
  readonly tenantId?: TenantId;
  readonly domainId?: DomainId;
  readonly mailboxId?: MailboxId;
}

export interface EffectiveSetting {
  readonly name: string;
  readonly value: SettingValue;
  /** Scope id where it is set; `default` when nowhere. */
  readonly setAtScope: string;
  readonly byEvent?: string;
  readonly warning?: string;
}

export interface EntryInput {
  readonly entryId: SenderEntryId;
  readonly scope: Scope;
  readonly list: SenderList;
  readonly pattern: string;
  readonly expiresAt?: number;
  readonly note?: string;
  readonly trustUnverified?: boolean;
  readonly byEvent: string;
  /** Reseller above a tenant scope, when known. */
  readonly resellerId?: ResellerId;
}

/** What a listener needs outside any transaction: limits, banner, command verbs. Platform scope (a listener has one port). */
export interface ListenerSettings {
  readonly maxCommandLength: number;
  readonly overlongAction: "reject" | "deny";
  readonly denyDurationMs: number;
  readonly vrfy: 252 | 502 | "local";
  readonly expn: 252 | 502 | "local";
  readonly smtpBanner: string | undefined;
  readonly imapBanner: string | undefined;
  readonly requireTlsForAuth: boolean;
  /** Largest sizeLimitBytes of any scope: what EHLO advertises. */
  readonly sizeLimitBytes: number;
}

/** An immutable compiled policy. Applying an event answers a new one that shares all that did not change. */
export interface CompiledPolicy {
  /** Id of the last policy event applied. */
  readonly revision: string | undefined;
  /** Phase "connect" | "helo" | "mail": session level, verdict `accept` or a refusal (held or immediate). "rcpt" | "data": per recipient, final. */
  evaluate(phase: Phase, facts: Facts, options?: { readonly explain?: boolean }): Evaluation;
  listener(): ListenerSettings;
  /** Whether this IP is denied now; point lookup. */
  denial(
    ip: string,
    at: number,
  ): { readonly until: number; readonly reason: string; readonly byEvent: string } | undefined;
  effective(path: ScopePath): readonly EffectiveSetting[];
  /** Never denied: loopback, platform-scope relayAddresses. Trusted proxies are the edge's own knowledge. */
  isExemptFromDenial(ip: string): boolean;
}

/** Gives edges the newest snapshot. `ready` is false while catching up: edges answer 451, never 5xx. */
export interface PolicySource {
  current(): CompiledPolicy;
  ready(): boolean;
}
