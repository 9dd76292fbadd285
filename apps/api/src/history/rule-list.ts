import { type SettingValue, sameValue } from "@mailfold/domain";

/** Rules of one scope by name, in the order in which they run. */
export type RuleList = ReadonlyMap<string, SettingValue>;

/** A value of the setting `rules`; unset = no rules. Undefined for what is no list of named rules. */
export function ruleListOf(value: SettingValue | undefined): RuleList | undefined {
  if (value === undefined || value === null) return new Map();
  if (!Array.isArray(value)) return undefined;
  const rules = new Map<string, SettingValue>();
  for (const rule of value as readonly SettingValue[]) {
    const name = typeof rule === "object" && rule !== null && "name" in rule ? rule.name : undefined;
    if (typeof name !== "string" || rules.has(name)) return undefined;
    rules.set(name, rule);
  }
  return rules;
}

/** Names of rules that came, went or read differently. */
export function rulesTouched(before: RuleList, after: RuleList): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => !sameValue(before.get(name), after.get(name)));
}

/** Whether rules that stand on both sides changed places among each other. */
export function isReordered(before: RuleList, after: RuleList): boolean {
  const common = [...before.keys()].filter((name) => after.has(name));
  const there = [...after.keys()].filter((name) => before.has(name));
  return common.some((name, index) => there[index] !== name);
}

/**
 * Today's rules with these names as they were: a changed one at its place of today, one that is gone again behind the rule
 * that it followed, one that was not there gone.
 */
export function withRulesAsBefore(now: RuleList, before: RuleList, names: readonly string[]): readonly SettingValue[] {
  const rules = [...now].filter(([name]) => before.has(name) || !names.includes(name));
  const earlier: string[] = [];
  for (const [name, rule] of before) {
    if (names.includes(name)) {
      const at = rules.findIndex(([known]) => known === name);
      if (at >= 0) rules[at] = [name, rule];
      else rules.splice(placeAfter(rules, earlier), 0, [name, rule]);
    }
    earlier.push(name);
  }
  return rules.map(([, rule]) => rule);
}

/** Behind the nearest of these predecessors that is there; first of all when none is. */
function placeAfter(rules: readonly (readonly [string, SettingValue])[], earlier: readonly string[]): number {
  for (const name of earlier.toReversed()) {
    const at = rules.findIndex(([known]) => known === name);
    if (at >= 0) return at + 1;
  }
  return 0;
}
