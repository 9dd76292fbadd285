import type { Scope, SenderList, SettingBound, SettingValue } from "@mailfold/domain";
import type { DomainId, MailboxId, ResellerId, SenderEntryId, TenantId } from "@mailfold/kernel";
import type { Evaluation, Facts, Phase } from "./types.ts";

/** Processing rules set at one scope; `rules` is the setting's canonical value (libs/rules `Rule[]`). */
export interface ScopedRules {
  readonly scope: Scope;
  readonly rules: readonly SettingValue[];
  readonly byEvent: string;
}

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
  /** The widest scope above that locks the setting, else the widest that bounds it; `bound` is that of all scopes above. */
  readonly limit?: {
    readonly setAtScope: string;
    readonly byEvent: string;
    readonly locked: boolean;
    readonly bound?: SettingBound;
  };
  /** What this scope itself leaves to the scopes below it, if it limits them. */
  readonly limitBelow?: {
    readonly byEvent: string;
    readonly locked: boolean;
    readonly bound?: SettingBound;
  };
}

export type { SettingBound, SettingLimit } from "@mailfold/domain";

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
  /** SASL mechanisms offered; empty = AUTH is not offered. */
  readonly authMechanisms: readonly string[];
  /** Unknown recipients of one IPv4 /32 or IPv6 /64 in an hour before it is denied; 0 = never. */
  readonly harvestLimit: number;
  /** Failed logins of one IPv4 /32 or IPv6 /64 in an hour, over all protocols, before it is denied; 0 = never. */
  readonly authFailureLimit: number;
  /** Largest sizeLimitBytes of any scope: what EHLO advertises. */
  readonly sizeLimitBytes: number;
}

export interface EvaluateOptions {
  /** Gives the trace. */
  readonly explain?: boolean;
  /**
   * The facts are all there will ever be (an old verdict's): one about the peer, limits or content that is missing was not
   * asked for then and counts as saying nothing, where else it would be asked for now.
   */
  readonly recorded?: boolean;
}

/** An immutable compiled policy. Applying an event answers a new one that shares all that did not change. */
export interface CompiledPolicy {
  /** Id of the last policy event applied. */
  readonly revision: string | undefined;
  /** Phase "connect" | "helo" | "mail": session level, verdict `accept` or a refusal (held or immediate). "rcpt" | "data": per recipient, final. */
  evaluate(phase: Phase, facts: Facts, options?: EvaluateOptions): Evaluation;
  listener(): ListenerSettings;
  /** Whether this IP is denied now; point lookup. */
  denial(
    ip: string,
    at: number,
  ): { readonly until: number; readonly reason: string; readonly byEvent: string } | undefined;
  effective(path: ScopePath): readonly EffectiveSetting[];
  /** One setting's value in force along a path, locks and bounds applied. */
  value(path: ScopePath, name: string): SettingValue;
  /** Processing rules along a path, platform first; scopes without rules are left out. */
  rules(path: ScopePath): readonly ScopedRules[];
  /**
   * Not denied at an instant (ms since the epoch): loopback, platform-scope relayAddresses, IPs in the platform's accept
   * list. Without `at` only entries that never expire count. Trusted proxies are the edge's own knowledge.
   */
  isExemptFromDenial(ip: string, at?: number): boolean;
}

/** Gives edges the newest snapshot. `ready` is false while catching up: edges answer 451, never 5xx. */
export interface PolicySource {
  current(): CompiledPolicy;
  ready(): boolean;
}
