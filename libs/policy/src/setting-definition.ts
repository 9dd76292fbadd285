import type { Scope, SettingValue } from "@mailfold/domain";
import type { CheckSetting } from "./setting-checks.ts";
import type { Phase } from "./types.ts";

/** Scopes from the widest to the narrowest. */
export const scopeKinds = ["platform", "reseller", "tenant", "domain", "mailbox"] as const;

/** One row of the settings table: what docs, validation and inheritance all read. */
export interface SettingDefinition {
  readonly name: string;
  readonly phases: readonly (Phase | "any" | "auth")[];
  /** Narrowest scope at which it may be set; `platform` for what belongs to a listener (one port). */
  readonly lowestScope: Scope["kind"];
  readonly defaultValue: SettingValue;
  /** Allowed values, in words. */
  readonly values: string;
  readonly meaning: string;
  readonly check: CheckSetting;
  /** 0 means "no limit": bounds of scopes above count it as the largest number. */
  readonly zeroIsUnlimited?: true;
  /** Values that need a word in the platform's `unlocks`. */
  readonly locked?: readonly string[];
  /** Said to whoever sets, or reads, a risky value. */
  readonly warnings?: readonly { readonly value: SettingValue; readonly text: string }[];
}
