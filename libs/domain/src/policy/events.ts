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
export type PolicyEvent = PolicySettingsChanged;
