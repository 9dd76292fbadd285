import type { Decider, Decision } from "@mailfold/kernel";
import { assert, record, refuse } from "@mailfold/kernel";
import { invalid } from "../input-text.ts";
import type { DomainRefusal, RefusalCode } from "../refusals.ts";
import type { Scope } from "../scope.ts";
import { scopeId } from "../scope.ts";
import type { PolicyEvent, SettingValue } from "./events.ts";

/**
 * Whether a setting may take a value at the command's scope; pure, from libs/policy with scope and unlocks bound in.
 * `undefined` value = the setting is unset, where only its name is checked.
 */
export type SettingCheck = (name: string, value: SettingValue | undefined) => DomainRefusal | undefined;

/** `scopeExists` is a fact from the directory. */
export interface ChangePolicySettings {
  readonly type: "ChangePolicySettings";
  readonly scope: Scope;
  readonly set: Readonly<Record<string, SettingValue>>;
  readonly unset: readonly string[];
  readonly scopeExists: boolean;
  readonly check: SettingCheck;
}
export interface PolicySettingsState {
  /** Id of the scope whose stream this is; absent before the first change. */
  readonly scope?: string;
  readonly values: Readonly<Record<string, SettingValue>>;
}

/** Most settings that one command changes. */
export const settingsPerCommandMax = 100;

/** Stream `policy-<scope id>`. What changes nothing is no event. */
export const policySettings: Decider<ChangePolicySettings, PolicyEvent, PolicySettingsState, RefusalCode> = {
  name: "policySettings",
  initialState: { values: {} },
  decide: change,
  evolve(state, event) {
    const scope = scopeId(event.data.scope);
    assert(state.scope === undefined || state.scope === scope, "a policy stream belongs to one scope");
    const values = { ...state.values, ...event.data.set };
    for (const name of event.data.unset) delete values[name];
    return { scope, values };
  },
};

function change(command: ChangePolicySettings, state: PolicySettingsState): Decision<PolicyEvent, RefusalCode> {
  if (!command.scopeExists) return refuse("NOT_FOUND", "there is no such scope", { path: ["scope"] });
  const names = Object.keys(command.set);
  if (names.length + command.unset.length > settingsPerCommandMax) {
    return { refused: invalid("set", `one command changes at most ${settingsPerCommandMax} settings`) };
  }
  const both = command.unset.find((name) => Object.hasOwn(command.set, name));
  if (both !== undefined) return { refused: invalid("unset", `${both} cannot be set and unset at once`) };
  for (const name of names) {
    const refused = command.check(name, command.set[name]);
    if (refused !== undefined) return { refused: { path: ["set", name], ...refused } };
  }
  for (const name of command.unset) {
    const refused = command.check(name, undefined);
    if (refused !== undefined) return { refused: { path: ["unset"], ...refused } };
  }
  const set = Object.fromEntries(
    Object.entries(command.set).filter(([name, value]) => !sameValue(valueIn(state, name), value)),
  );
  const unset = [...new Set(command.unset)].filter((name) => valueIn(state, name) !== undefined);
  if (Object.keys(set).length === 0 && unset.length === 0) return record();
  return record({ type: "PolicySettingsChanged", data: { scope: command.scope, set, unset } });
}

function valueIn(state: PolicySettingsState, name: string): SettingValue | undefined {
  return Object.hasOwn(state.values, name) ? state.values[name] : undefined;
}

/** Whether two setting values are equal; the order of an object's keys does not matter, that of a list does. */
export function sameValue(a: SettingValue | undefined, b: SettingValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  if (left.size !== right.size) return false;
  return [...left].every(([key, value]) => right.has(key) && sameValue(value, right.get(key)));
}
