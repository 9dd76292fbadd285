import type { Decider, Decision } from "@mailfold/kernel";
import { assert, record, refuse } from "@mailfold/kernel";
import { invalid } from "../input-text.ts";
import type { DomainRefusal, RefusalCode } from "../refusals.ts";
import type { Scope } from "../scope.ts";
import { scopeId } from "../scope.ts";
import type { PolicyEvent, SettingLimit, SettingValue } from "./events.ts";

/**
 * Whether a setting may take a value at the command's scope; pure, from libs/policy with scope, unlocks and the limits of
 * the scopes above bound in. `undefined` value = the setting is unset, where only its name is checked.
 */
export type SettingCheck = (name: string, value: SettingValue | undefined) => DomainRefusal | undefined;

/** Whether a scope may limit a setting like that for the scopes below; `undefined` limit = it is lifted. */
export type LimitCheck = (name: string, limit: SettingLimit | undefined) => DomainRefusal | undefined;

/** `scopeExists` is a fact from the directory. */
export interface ChangePolicySettings {
  readonly type: "ChangePolicySettings";
  readonly scope: Scope;
  readonly set: Readonly<Record<string, SettingValue>>;
  readonly unset: readonly string[];
  readonly scopeExists: boolean;
  readonly check: SettingCheck;
  /** What the scopes below may no longer choose. */
  readonly limits?: {
    readonly set: Readonly<Record<string, SettingLimit>>;
    readonly unset: readonly string[];
    readonly check: LimitCheck;
  };
}
export interface PolicySettingsState {
  /** Id of the scope whose stream this is; absent before the first change. */
  readonly scope?: string;
  readonly values: Readonly<Record<string, SettingValue>>;
  readonly limits: Readonly<Record<string, SettingLimit>>;
}

/** Most settings and limits that one command changes. */
export const settingsPerCommandMax = 100;

/** Stream `policy-<scope id>`. What changes nothing is no event. */
export const policySettings: Decider<ChangePolicySettings, PolicyEvent, PolicySettingsState, RefusalCode> = {
  name: "policySettings",
  initialState: { values: {}, limits: {} },
  decide: change,
  evolve(state, event) {
    const scope = scopeId(event.data.scope);
    assert(state.scope === undefined || state.scope === scope, "a policy stream belongs to one scope");
    if (event.type === "PolicyLimitsChanged") return { ...state, scope, limits: applied(state.limits, event.data) };
    return { ...state, scope, values: applied(state.values, event.data) };
  },
};

/** A change by name of what stands. */
interface NamedChange<V> {
  readonly set: Readonly<Record<string, V>>;
  readonly unset: readonly string[];
}

function applied<V>(standing: Readonly<Record<string, V>>, change: NamedChange<V>): Readonly<Record<string, V>> {
  const next = { ...standing, ...change.set };
  for (const name of change.unset) delete next[name];
  return next;
}

function change(command: ChangePolicySettings, state: PolicySettingsState): Decision<PolicyEvent, RefusalCode> {
  if (!command.scopeExists) return refuse("NOT_FOUND", "there is no such scope", { path: ["scope"] });
  const { scope, limits } = command;
  const size = (of: NamedChange<unknown> | undefined) =>
    of === undefined ? 0 : Object.keys(of.set).length + of.unset.length;
  if (size(command) + size(limits) > settingsPerCommandMax) {
    return { refused: invalid("set", `one command changes at most ${settingsPerCommandMax} settings and limits`) };
  }
  const refused =
    problemIn(command, command.check, { set: "set", unset: "unset" }) ??
    (limits === undefined ? undefined : problemIn(limits, limits.check, { set: "limits", unset: "unsetLimits" }));
  if (refused !== undefined) return { refused };
  const events: PolicyEvent[] = [];
  const values = differenceOf(command, state.values);
  if (values !== undefined) events.push({ type: "PolicySettingsChanged", data: { scope, ...values } });
  const limited = limits === undefined ? undefined : differenceOf(limits, state.limits);
  if (limited !== undefined) events.push({ type: "PolicyLimitsChanged", data: { scope, ...limited } });
  return record(...events);
}

/** The first thing wrong with a change, at its place in the command's input. */
function problemIn<V>(
  change: NamedChange<V>,
  check: (name: string, value: V | undefined) => DomainRefusal | undefined,
  fields: { readonly set: string; readonly unset: string },
): DomainRefusal | undefined {
  const both = change.unset.find((name) => Object.hasOwn(change.set, name));
  if (both !== undefined) return invalid(fields.unset, `${both} cannot be set and unset at once`);
  for (const [name, value] of Object.entries(change.set)) {
    const refused = check(name, value);
    if (refused !== undefined) return { path: [fields.set, name], ...refused };
  }
  for (const name of change.unset) {
    const refused = check(name, undefined);
    if (refused !== undefined) return { path: [fields.unset], ...refused };
  }
  return undefined;
}

/** What of a change is new against what stands; undefined when nothing is. */
function differenceOf<V extends SettingValue | SettingLimit>(
  change: NamedChange<V>,
  standing: Readonly<Record<string, V>>,
): NamedChange<V> | undefined {
  const has = (name: string) => Object.hasOwn(standing, name);
  const set = Object.fromEntries(
    Object.entries(change.set).filter(([name, value]) => !has(name) || !sameValue(standing[name], value)),
  );
  const unset = [...new Set(change.unset)].filter(has);
  return Object.keys(set).length === 0 && unset.length === 0 ? undefined : { set, unset };
}

/** Whether two setting values are equal; the order of an object's keys does not matter, that of a list does. */
export function sameValue(
  a: SettingValue | SettingLimit | undefined,
  b: SettingValue | SettingLimit | undefined,
): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  if (left.size !== right.size) return false;
  return [...left].every(([key, value]) => right.has(key) && sameValue(value, right.get(key)));
}
