import type { ListingSubject, SenderList, SettingValue } from "@mailfold/domain";

/** Names a processing rule of a scope. */
interface RuleName {
  readonly name: string;
}

/** What a learned listing names. */
export type ListedSubject = ListingSubject;

/**
 * One change of a scope's own policy, with exactly one member: what policyUpdate, senderEntryAdd, senderEntryRemove, saving
 * or deleting a rule, and senderPardon would do there. `set` and `unset` may name several settings.
 */
export type PolicyChange =
  | { readonly set: Readonly<Record<string, SettingValue>> }
  | { readonly unset: readonly string[] }
  | {
      readonly entryAdd: {
        readonly list: SenderList;
        readonly pattern: string;
        /** Milliseconds since the epoch. */
        readonly expiresAt?: number;
        readonly trustUnverified?: boolean;
      };
    }
  | { readonly entryRemove: { readonly list: SenderList; readonly pattern: string } }
  /** The rule of that name is replaced where it stands; a new one comes before the rule `before`, else last. */
  | { readonly ruleSave: { readonly rule: SettingValue; readonly before?: string } }
  | { readonly ruleDelete: RuleName }
  /** Takes a learned listing of this scope out of force. */
  | { readonly pardon: ListedSubject };

/** Members of PolicyChange, as an input names them. */
export const policyChangeKinds = [
  "set",
  "unset",
  "entryAdd",
  "entryRemove",
  "ruleSave",
  "ruleDelete",
  "pardon",
] as const;
export type PolicyChangeKind = (typeof policyChangeKinds)[number];

/** Changes that one try may hold. */
export const policyChangesMax = 100;

/** Why a change cannot be made, and at which place of the list. */
export interface PolicyChangeProblem {
  /** A refusal code, as in docs/reference/refusals.md. */
  readonly code:
    | "SETTING_UNKNOWN"
    | "SETTING_INVALID"
    | "SETTING_NOT_AT_SCOPE"
    | "UNLOCK_REQUIRED"
    | "SETTING_LOCKED"
    | "SETTING_OUT_OF_BOUND"
    | "PATTERN_INVALID"
    | "NOT_FOUND"
    | "INVALID_INPUT";
  readonly message: string;
  readonly at: number;
}
