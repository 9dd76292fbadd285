import type { DomainRefusal, SettingValue } from "@mailfold/domain";
import { parseRule, parseRules, type Rule, type RuleProblem, type RuleScope } from "@mailfold/rules";

/** A value in canonical form, or everything that is wrong with it. */
export type CheckedRules<V> =
  | { readonly value: V; readonly refusals?: never }
  | { readonly value?: never; readonly refusals: readonly [DomainRefusal, ...DomainRefusal[]] };

/**
 * Checks a scope's whole `rules` setting: each rule, their names, their number. `at` = where the value stands in the
 * caller's input, e.g. `["set", "rules"]`. Refuses with RULE_INVALID.
 */
export function checkRules(
  value: unknown,
  scope: RuleScope,
  at: readonly string[],
): CheckedRules<readonly SettingValue[]> {
  const { rules, problems } = parseRules(value, scope);
  return rules === undefined ? refusalsOf(problems, at) : { value: rules.map(settingOf) };
}

/** Checks one rule; `scope` refuses what that scope may not set. */
export function checkRule(value: unknown, scope: RuleScope, at: readonly string[]): CheckedRules<Rule> {
  const { rule, problems } = parseRule(value, scope);
  return rule === undefined ? refusalsOf(problems, at) : { value: rule };
}

/** A rule as the setting holds it: plain JSON. */
export function settingOf(rule: Rule): SettingValue {
  return rule as unknown as SettingValue;
}

function refusalsOf(problems: readonly RuleProblem[], at: readonly string[]): CheckedRules<never> {
  const [first, ...rest] = problems.map(({ path, code, message }): DomainRefusal => {
    return { code: "RULE_INVALID", message, path: [...at, ...stepsOf(path)], details: { problem: code } };
  });
  if (first === undefined) throw new Error("rules were refused without a problem");
  return { refusals: [first, ...rest] };
}

/** `all[1].values[0]` as steps; a key that nobody knows may hold these marks itself and is cut there. */
function stepsOf(path: string): readonly string[] {
  return path.split(/[.[\]]+/).filter((step) => step !== "");
}
