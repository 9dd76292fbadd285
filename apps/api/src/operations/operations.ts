import type { Scope } from "@mailfold/domain";
import type { Refusal } from "@mailfold/kernel";
import type {
  AliasRecord,
  DomainRecord,
  MailboxRecord,
  ResellerRecord,
  TenantRecord,
  TokenRecord,
} from "@mailfold/projection-directory";
import type { PardonRow } from "@mailfold/projection-listings";
import type { HeldCopy } from "@mailfold/projection-quarantine";
import type { ShadowRow } from "@mailfold/projection-shadows";
import type { Caller } from "../caller.ts";
import type { PolicyDifference } from "../history/policy-difference.ts";
import type * as input from "./operation-inputs.ts";
import type { OperationOutcome } from "./operation-outcome.ts";
import type { EffectivePolicy, PlacedScope, SenderEntryRecord } from "./policy-records.ts";
import type { RuleTest, SavedRule } from "./rule-records.ts";

/** One operation: who asks, what for; refusals are values. */
export type Operation<I, V> = (caller: Caller, input: I) => Promise<OperationOutcome<V>>;

/** A new token and its secret text, which nobody can read again; absent on a replay. */
export interface CreatedToken {
  readonly token: TokenRecord | undefined;
  readonly secret: string | undefined;
}

/** What was said of the copies of one verdict. */
export interface MarkedVerdict {
  readonly reference: string;
  readonly mark: "spam" | "notSpam";
  readonly mailboxIds: readonly string[];
}

/** What became of one held copy of several. */
export interface HeldCopyResult {
  readonly id: string;
  /** The copy as it is now, or with dryRun would be; absent when it was refused. */
  readonly entry?: HeldCopy;
  /** Where the sender is accepted from now on. */
  readonly accepted?: SenderEntryRecord;
  readonly errors: readonly Refusal[];
}

/** What became of the copies that were held because of a listing. */
export interface Redelivery {
  readonly released: number;
  readonly results: readonly HeldCopyResult[];
  /** More are held than one pardon redelivers. */
  readonly left: boolean;
}

/** A pardon, and what was redelivered with it. */
export interface PardonedSender {
  readonly pardon: PardonRow;
  readonly redelivery?: Redelivery;
}

/** What an undo took back. */
export interface Undone {
  readonly placed: PlacedScope;
  /** UUIDs of the events taken back, oldest first. */
  readonly events: readonly string[];
  readonly differences: readonly PolicyDifference[];
}

/** The application services behind the mutations. */
export interface Operations {
  readonly resellerCreate: Operation<input.ResellerCreateInput, ResellerRecord>;
  readonly tenantCreate: Operation<input.TenantCreateInput, TenantRecord>;
  readonly tenantSuspend: Operation<input.TenantSuspendInput, TenantRecord>;
  readonly tenantResume: Operation<input.TenantResumeInput, TenantRecord>;
  readonly domainAdd: Operation<input.DomainAddInput, DomainRecord>;
  readonly domainVerify: Operation<input.DomainVerifyInput, DomainRecord>;
  readonly domainRemove: Operation<input.DomainRemoveInput, DomainRecord>;
  readonly mailboxCreate: Operation<input.MailboxCreateInput, MailboxRecord>;
  readonly mailboxUpdate: Operation<input.MailboxUpdateInput, MailboxRecord>;
  readonly mailboxSetPassword: Operation<input.MailboxSetPasswordInput, MailboxRecord>;
  readonly mailboxSuspend: Operation<input.MailboxSuspendInput, MailboxRecord>;
  readonly mailboxResume: Operation<input.MailboxInput, MailboxRecord>;
  readonly mailboxDelete: Operation<input.MailboxInput, MailboxRecord>;
  readonly mailboxRestore: Operation<input.MailboxInput, MailboxRecord>;
  readonly aliasAdd: Operation<input.AliasAddInput, AliasRecord>;
  readonly aliasRemove: Operation<input.AliasRemoveInput, AliasRecord>;
  readonly policyUpdate: Operation<input.PolicyUpdateInput, EffectivePolicy>;
  readonly ruleSave: Operation<input.RuleSaveInput, SavedRule>;
  readonly ruleDelete: Operation<input.RuleDeleteInput, Scope>;
  /** Writes nothing. */
  readonly ruleTest: Operation<input.RuleTestInput, RuleTest>;
  readonly senderEntryAdd: Operation<input.SenderEntryAddInput, SenderEntryRecord>;
  readonly senderEntryRemove: Operation<input.SenderEntryRemoveInput, SenderEntryRecord>;
  readonly senderPardon: Operation<input.SenderPardonInput, PardonedSender>;
  readonly senderPardonLift: Operation<input.SenderPardonLiftInput, PardonedSender>;
  readonly shadowStart: Operation<input.ShadowStartInput, ShadowRow>;
  readonly shadowPromote: Operation<input.ShadowInput, ShadowRow>;
  readonly shadowDrop: Operation<input.ShadowInput, ShadowRow>;
  readonly messageMark: Operation<input.MessageMarkInput, MarkedVerdict>;
  /** Each copy by itself: those that are refused do not hold the others back. */
  readonly quarantineRelease: Operation<input.QuarantineReleaseInput, readonly HeldCopyResult[]>;
  readonly quarantineDelete: Operation<input.QuarantineDeleteInput, readonly HeldCopyResult[]>;
  readonly tokenCreate: Operation<input.TokenCreateInput, CreatedToken>;
  readonly tokenRevoke: Operation<input.TokenRevokeInput, TokenRecord>;
  readonly undo: Operation<input.UndoInput, Undone>;
}
