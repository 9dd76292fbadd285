import type { SettingValue } from "@mailfold/domain";
import type { PolicyChange, PolicyChangeProblem } from "./policy-change.ts";

type RuleSave = Extract<PolicyChange, { ruleSave: unknown }>["ruleSave"];
type Refusal = Omit<PolicyChangeProblem, "at">;
/** A scope's rules after a change, or why it cannot be made. */
type ChangedRules = { readonly rules: readonly SettingValue[] } | { readonly refusal: Refusal };

/** Name of a rule as it is stored. */
export function ruleNameOf(rule: SettingValue | undefined): string | undefined {
  if (rule === null || typeof rule !== "object" || Array.isArray(rule)) return undefined;
  const { name } = rule as { readonly name?: SettingValue };
  return typeof name === "string" ? name : undefined;
}

/** Rules with one saved: in its place, before another, or last. */
export function withRuleSaved(rules: readonly SettingValue[], { before, rule }: RuleSave): ChangedRules {
  const name = ruleNameOf(rule);
  if (name === undefined) return { refusal: { code: "INVALID_INPUT", message: "a rule is an object with a name" } };
  const known = rules.findIndex((each) => ruleNameOf(each) === name);
  if (known >= 0 && before === undefined) return { rules: rules.with(known, rule) };
  const others = rules.filter((_each, index) => index !== known);
  const at = before === undefined ? others.length : others.findIndex((each) => ruleNameOf(each) === before);
  return at < 0 ? missing(before) : { rules: others.toSpliced(at, 0, rule) };
}

/** Rules without one. */
export function withRuleDeleted(rules: readonly SettingValue[], name: string): ChangedRules {
  const rest = rules.filter((rule) => ruleNameOf(rule) !== name);
  return rest.length === rules.length ? missing(name) : { rules: rest };
}

function missing(name: string | undefined): ChangedRules {
  return { refusal: { code: "NOT_FOUND", message: `there is no rule "${name}" in this scope` } };
}

type Values = Readonly<Record<string, SettingValue>>;

/**
 * What a scope's own settings become by changes, as one change of settings; `standing` are its values now. Changes of
 * entries and listings are left out. A rule that is not there leaves the rules as they are: applyChanges refuses it.
 */
export function settingsChangedBy(
  standing: Values,
  changes: readonly PolicyChange[],
): { readonly set: Values; readonly unset: readonly string[] } {
  const values = new Map(Object.entries(standing));
  const touched = new Set<string>();
  const setRules = (changed: ChangedRules): void => {
    if ("rules" in changed) touched.add("rules") && values.set("rules", changed.rules);
  };
  const rules = (): readonly SettingValue[] => {
    const value = values.get("rules");
    return Array.isArray(value) ? value : [];
  };
  for (const change of changes) {
    if ("set" in change) {
      for (const [name, value] of Object.entries(change.set)) touched.add(name) && values.set(name, value);
    } else if ("unset" in change) {
      for (const name of change.unset) touched.add(name) && values.delete(name);
    } else if ("ruleSave" in change) setRules(withRuleSaved(rules(), change.ruleSave));
    else if ("ruleDelete" in change) setRules(withRuleDeleted(rules(), change.ruleDelete.name));
  }
  const names = [...touched];
  return {
    set: Object.fromEntries(names.flatMap((name) => (values.has(name) ? [[name, values.get(name) ?? null]] : []))),
    unset: names.filter((name) => !values.has(name)),
  };
}
