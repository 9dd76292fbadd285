import type { DomainEvent } from "@mailfold/kernel";
import type { Scope } from "../scope.ts";

/** A setting's value as stored and shown; libs/policy knows each setting's type. */
export type SettingValue =
  | string
  | number
  | boolean
  | null
  | readonly SettingValue[]
  | { readonly [key: string]: SettingValue };

/** Unset settings inherit from the scope above. */
export type PolicySettingsChanged = DomainEvent<
  "PolicySettingsChanged",
  {
    readonly scope: Scope;
    readonly set: Readonly<Record<string, SettingValue>>;
    readonly unset: readonly string[];
  }
>;
/** What scopes below may still choose: a range of numbers, or some of the words. */
export interface SettingBound {
  readonly min?: number;
  readonly max?: number;
  readonly allowed?: readonly (string | number | boolean)[];
}
/** What a scope leaves to all scopes below it: nothing (locked), or a bound. */
export type SettingLimit = { readonly locked: true } | (SettingBound & { readonly locked?: never });

/** Limits on settings of the scopes below were set or lifted; they count for values set earlier, too. */
export type PolicyLimitsChanged = DomainEvent<
  "PolicyLimitsChanged",
  {
    readonly scope: Scope;
    readonly set: Readonly<Record<string, SettingLimit>>;
    readonly unset: readonly string[];
  }
>;
export type PolicyEvent = PolicySettingsChanged | PolicyLimitsChanged;
