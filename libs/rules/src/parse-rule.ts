import { parseAction } from "./parse-action.ts";
import { type PatternRoom, parseConditions } from "./parse-condition.ts";
import { isPlainRule } from "./plain-rule.ts";
import { join, type RuleProblem, RuleProblems } from "./problems.ts";
import { type Condition, type Rule, type RuleScope, ruleLimits, type TextTest } from "./rule.ts";

/** A rule in canonical form, or what is wrong with it. */
export type ParsedRule =
  | { readonly rule: Rule; readonly problems?: never }
  | { readonly rule?: never; readonly problems: readonly RuleProblem[] };

/** Rules of one scope in canonical form, or what is wrong with them. */
export type ParsedRules =
  | { readonly rules: readonly Rule[]; readonly problems?: never }
  | { readonly rules?: never; readonly problems: readonly RuleProblem[] };

const ruleKeys = ["name", "direction", "enabled", "all", "any", "actions"];

/**
 * Reads a rule from JSON. Keys that are not known are refused, not passed over: a mistyped condition must not widen a
 * rule. A rule that was read gives itself again when its JSON is read. `scope` refuses what that scope may not set.
 */
export function parseRule(json: unknown, scope?: RuleScope): ParsedRule {
  const problems = new RuleProblems();
  const patterns = { cost: ruleLimits.patternCostPerScope };
  const rule = readRule(problems, { path: "", patterns, scope }, json);
  return rule === undefined || problems.list.length > 0 ? { problems: problems.list } : { rule };
}

/**
 * Reads a rule that parseRule accepted before, as it was stored: its form only. Compiling its patterns again would cost more
 * than all the rest; should one be none any more, its rule is undecided.
 */
export function readStoredRule(json: unknown, scope?: RuleScope): Rule | undefined {
  if (isPlainRule(json)) return json;
  const problems = new RuleProblems();
  const rule = readRule(problems, { path: "", patterns: { cost: 0, areStored: true }, scope }, json);
  return problems.list.length > 0 ? undefined : rule;
}

/** Reads all rules of one scope: each of them, their number, and that no two share a name. */
export function parseRules(json: unknown, scope?: RuleScope): ParsedRules {
  const problems = new RuleProblems();
  const rules: Rule[] = [];
  const names = new Set<string>();
  const patterns = { cost: ruleLimits.patternCostPerScope };
  let values = 0;
  for (const [index, entry] of (problems.entries("", json, 0, ruleLimits.rulesPerScope) ?? []).entries()) {
    const path = join("", index);
    const rule = readRule(problems, { path, patterns, scope }, entry);
    if (rule === undefined) continue;
    if (names.has(rule.name))
      problems.add(join(path, "name"), "NOT_ALLOWED", "another rule of this scope has this name");
    names.add(rule.name);
    values += countValues(rule.all ?? rule.any ?? []);
    rules.push(rule);
  }
  if (values > ruleLimits.valuesPerScope) {
    problems.add(
      "",
      "TOO_MANY",
      `rules of a scope compare with at most ${ruleLimits.valuesPerScope} texts, these with ${values}`,
    );
  }
  return problems.list.length > 0 ? { problems: problems.list } : { rules };
}

interface RulePlace {
  readonly path: string;
  readonly scope: RuleScope | undefined;
  /** Shared by the rules of a scope. */
  readonly patterns: PatternRoom;
}

function readRule(problems: RuleProblems, { path, scope, patterns }: RulePlace, json: unknown): Rule | undefined {
  const object = problems.object(path, json, ruleKeys);
  if (object === undefined) return undefined;
  const name = problems.text(join(path, "name"), object.name, ruleLimits.nameCharacters);
  const direction =
    object.direction === undefined
      ? "inbound"
      : problems.word(join(path, "direction"), object.direction, ["inbound", "outbound"] as const);
  const outbound = direction === "outbound";
  if (outbound && (scope === "domain" || scope === "mailbox")) {
    problems.add(join(path, "direction"), "NOT_ALLOWED", "outbound rules are set at tenant scope and above");
  }
  const isOff = object.enabled !== undefined && !problems.isOn(join(path, "enabled"), object.enabled);
  const group = groupOf(problems, path, object, patterns);
  const list = problems.entries(join(path, "actions"), object.actions, 1, ruleLimits.actionsPerRule) ?? [];
  const actions = list
    .map((action, index) => parseAction(problems, join(join(path, "actions"), index), action, outbound))
    .filter((action) => action !== undefined);
  if (name === undefined || group === undefined) return undefined;
  return {
    name,
    ...(outbound ? { direction: "outbound" } : {}),
    ...(isOff ? { enabled: false } : {}),
    ...group,
    actions,
  };
}

function groupOf(
  problems: RuleProblems,
  path: string,
  object: Readonly<Record<string, unknown>>,
  patterns: PatternRoom,
): { readonly all: readonly Condition[] } | { readonly any: readonly Condition[] } | undefined {
  const { all, any } = object;
  if ((all === undefined) === (any === undefined)) return problems.add(path, "MISSING", "either all or any, not both");
  const key = all === undefined ? "any" : "all";
  const room = { conditions: ruleLimits.conditionsPerRule, patterns, depth: 1, min: all === undefined ? 1 : 0 };
  const list = parseConditions(problems, join(path, key), object[key], room);
  if (list === undefined) return undefined;
  return all === undefined ? { any: list } : { all: list };
}

function countValues(conditions: readonly Condition[]): number {
  return conditions.reduce((sum, condition) => {
    if ("not" in condition) return sum + countValues([condition.not]);
    if ("all" in condition) return sum + countValues(condition.all);
    if ("any" in condition) return sum + countValues(condition.any);
    return sum + ("values" in condition ? (condition as TextTest).values.length : 0);
  }, 0);
}
