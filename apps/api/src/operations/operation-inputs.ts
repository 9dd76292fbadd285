import type { SenderList, SuspensionReason } from "@mailfold/domain";
import type { CommandOptions } from "./operation-outcome.ts";
import type { PolicyChangeInput } from "./policy-change-input.ts";

/** GraphQL may say null for absent. */
export type Maybe<T> = T | null | undefined;

/** Exactly one member: the place where settings and entries live. */
export interface ScopeInput {
  readonly platform?: Maybe<boolean>;
  readonly resellerId?: Maybe<string>;
  readonly tenantId?: Maybe<string>;
  readonly domainId?: Maybe<string>;
  readonly mailboxId?: Maybe<string>;
}

export interface ResellerCreateInput extends CommandOptions {
  readonly name: string;
  /** Unique over all resellers. */
  readonly externalId?: Maybe<string>;
}
export interface TenantCreateInput extends CommandOptions {
  readonly resellerId: string;
  readonly name: string;
  /** Unique within the reseller. */
  readonly externalId?: Maybe<string>;
}
/** What to switch off; absent members take the default: all but inbound. */
export interface SuspensionSwitchesInput {
  readonly login?: Maybe<boolean>;
  readonly submission?: Maybe<boolean>;
  readonly inbound?: Maybe<boolean>;
  readonly forwarding?: Maybe<boolean>;
}
export interface TenantSuspendInput extends CommandOptions {
  readonly tenantId: string;
  readonly reason: SuspensionReason;
  readonly note?: Maybe<string>;
  readonly switches?: Maybe<SuspensionSwitchesInput>;
}
export interface TenantResumeInput extends CommandOptions {
  readonly tenantId: string;
}
export interface DomainAddInput extends CommandOptions {
  readonly tenantId: string;
  /** Any case, U-labels allowed; stored as lower-case A-labels. */
  readonly name: string;
}
export interface DomainVerifyInput extends CommandOptions {
  readonly domainId: string;
  /** `platform` = vouched for by a platform token, without DNS. */
  readonly method?: Maybe<"dns" | "platform">;
}
export interface DomainRemoveInput extends CommandOptions {
  readonly domainId: string;
}
export interface MailboxCreateInput extends CommandOptions {
  readonly tenantId: string;
  readonly address: string;
  readonly password: string;
  readonly displayName?: Maybe<string>;
  readonly quotaBytes?: Maybe<number>;
}
export interface MailboxUpdateInput extends CommandOptions {
  readonly mailboxId: string;
  readonly displayName?: Maybe<string>;
  readonly quotaBytes?: Maybe<number>;
}
export interface MailboxSetPasswordInput extends CommandOptions {
  readonly mailboxId: string;
  readonly password: string;
}
export interface MailboxSuspendInput extends CommandOptions {
  readonly mailboxId: string;
  readonly reason?: Maybe<SuspensionReason>;
  readonly note?: Maybe<string>;
}
/** Input of the commands that need nothing but the mailbox: resume, delete, restore. */
export interface MailboxInput extends CommandOptions {
  readonly mailboxId: string;
}
export interface AliasAddInput extends CommandOptions {
  readonly tenantId: string;
  readonly address: string;
  /** Mailbox ids of the same tenant. */
  readonly targets: readonly string[];
}
export interface AliasRemoveInput extends CommandOptions {
  readonly aliasId: string;
}
export interface PolicyUpdateInput extends CommandOptions {
  readonly scope: ScopeInput;
  /** Values by setting name. */
  readonly set?: unknown;
  readonly unset?: Maybe<readonly string[]>;
  /** What the scopes below may no longer choose, by setting name: `{locked: true}` or a bound. */
  readonly limits?: unknown;
  readonly unsetLimits?: Maybe<readonly string[]>;
}
export interface RuleSaveInput extends CommandOptions {
  readonly scope: ScopeInput;
  /** libs/rules JSON; replaces the scope's rule of this name. */
  readonly rule?: unknown;
  /** Name of the rule to stand before; "" = last. Absent: where it stands, a new one last. */
  readonly before?: Maybe<string>;
}
export interface RuleDeleteInput extends CommandOptions {
  readonly scope: ScopeInput;
  readonly name: string;
}
export interface RuleTestInput {
  readonly scope: ScopeInput;
  readonly rule?: unknown;
  /** `vrd_...`, `hld_...` or `msg_...`. */
  readonly messageReference: string;
}
export interface SenderEntryAddInput extends CommandOptions {
  readonly scope: ScopeInput;
  readonly list: SenderList | "learned";
  readonly pattern: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: Maybe<number>;
  readonly note?: Maybe<string>;
  readonly trustUnverified?: Maybe<boolean>;
}
export interface SenderEntryRemoveInput extends CommandOptions {
  readonly entryId: string;
}
export interface SenderPardonInput extends CommandOptions {
  /** Whose list: the platform's or a tenant's. Not needed with listingId. */
  readonly scope?: Maybe<ScopeInput>;
  /** IP, IPv4 /24, IPv6 /64 or /56, @domain or address; or else listingId. */
  readonly subject?: Maybe<string>;
  readonly listingId?: Maybe<string>;
  /** Milliseconds since the epoch; or else forDuration; default 30 days. */
  readonly until?: Maybe<number>;
  /** ISO 8601. */
  readonly forDuration?: Maybe<string>;
  /** Events that count no longer. */
  readonly voidEvidence?: Maybe<readonly string[]>;
  readonly reason?: Maybe<string>;
  /** Delivers what quarantine holds because of the listing. */
  readonly redeliver?: Maybe<boolean>;
}
export interface SenderPardonLiftInput extends CommandOptions {
  readonly pardonId: string;
  readonly reason?: Maybe<string>;
}
export interface MessageMarkInput extends CommandOptions {
  /** The verdict that let the message in. */
  readonly reference: string;
  readonly mailboxId?: Maybe<string>;
  readonly mark: "spam" | "notSpam";
}
export interface QuarantineReleaseInput extends CommandOptions {
  /** 1 to 100 held copies. */
  readonly ids: readonly string[];
  /** Adds the sender to an accept list, so that its next mail is not held. */
  readonly acceptSender?: Maybe<boolean>;
  /** Whose accept list; default the mailbox's that the copy was for. */
  readonly acceptScope?: Maybe<ScopeInput>;
}
export interface QuarantineDeleteInput extends CommandOptions {
  readonly ids: readonly string[];
}
/** Exactly one member: what a token may see and do. */
export interface TokenScopeInput {
  readonly platform?: Maybe<boolean>;
  readonly resellerId?: Maybe<string>;
  readonly tenantId?: Maybe<string>;
}
export interface TokenCreateInput extends CommandOptions {
  readonly name: string;
  readonly scope: TokenScopeInput;
  readonly expiresAt?: Maybe<number>;
  /** Token whose subject the new one carries on, so that commandIds still replay. */
  readonly rotates?: Maybe<string>;
}
export interface TokenRevokeInput extends CommandOptions {
  readonly tokenId: string;
}
export interface ShadowStartInput extends CommandOptions {
  readonly scope: ScopeInput;
  /** 1 to 100. */
  readonly changes: readonly PolicyChangeInput[];
  /** Milliseconds since the epoch, at most 30 days ahead; default 7 days. */
  readonly expiresAt?: Maybe<number>;
  readonly note?: Maybe<string>;
}
export interface ShadowInput extends CommandOptions {
  readonly shadowId: string;
}
/** Exactly one of the two. */
export interface UndoInput extends CommandOptions {
  /** Of a receipt. */
  readonly undoToken?: Maybe<string>;
  /** `evt_...` */
  readonly event?: Maybe<string>;
}
