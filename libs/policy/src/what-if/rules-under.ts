import { type SettingValue, scopeId } from "@mailfold/domain";
import type { RuleActionFact, RulesFact } from "../content-facts.ts";
import type { ScopedRules } from "../types.ts";
import { ruleNameOf } from "./rule-list.ts";

/** What an edge keeps of the rules that matched; a list that long may be cut. */
const matchedKept = 100;
/** Targets of one message (libs/rules ruleLimits.targets). */
const targetsMax = 20;

interface StoredRule {
  readonly name?: SettingValue;
  readonly direction?: SettingValue;
  readonly enabled?: SettingValue;
  readonly all?: SettingValue;
  readonly any?: SettingValue;
  readonly actions?: SettingValue;
}
type Placed = RulesFact["actions"][number];

/** What decides whether a rule matches, as text. */
function conditionOf({ all, any, direction, enabled }: StoredRule): string {
  return JSON.stringify([all, any, direction, enabled]);
}

function actionsOf({ actions }: StoredRule): readonly { readonly do: string; readonly [name: string]: unknown }[] {
  return Array.isArray(actions) ? (actions as never) : [];
}

function stopOf(rule: StoredRule): string {
  return JSON.stringify(actionsOf(rule).filter((action) => action.do === "stop"));
}

/**
 * What the rules would have said of a message under changed rules, told from what they said: a rule whose condition stayed
 * the same matches as it did. Undefined when the message itself would have to be asked: a new or changed condition, a
 * `stop` that is gone or new, rules in another order.
 */
export function rulesFactUnder(
  fact: RulesFact,
  before: readonly ScopedRules[],
  after: readonly ScopedRules[],
): RulesFact | undefined {
  if (JSON.stringify(before.map(plain)) === JSON.stringify(after.map(plain))) return fact;
  if (fact.matched.length >= matchedKept || fact.undecided.length > 0) return undefined;
  const matched: (RulesFact["matched"][number] & { readonly actions: ReturnType<typeof actionsOf> })[] = [];
  for (const { scope } of [...before, ...after.filter((each) => !before.some(isOf(each)))]) {
    const old = rulesOf(before, scopeId(scope));
    const now = rulesOf(after, scopeId(scope));
    const told = fact.matched.filter((each) => each.scope === scope.kind);
    const rest = matchedUnder(old, now, told);
    if (rest === undefined) return undefined;
    matched.push(...rest);
  }
  return {
    matched: matched.map(({ actions: _actions, ...each }) => each),
    actions: settled(
      matched.flatMap(({ actions, rule, scope }) => actions.map((action) => placed(action, rule, scope))),
    ),
    undecided: [],
  };
}

function plain({ scope, rules }: ScopedRules): unknown {
  return [scopeId(scope), rules];
}
function isOf({ scope }: ScopedRules): (other: ScopedRules) => boolean {
  return (other) => scopeId(other.scope) === scopeId(scope);
}
function rulesOf(all: readonly ScopedRules[], id: string): readonly StoredRule[] {
  return (all.find(({ scope }) => scopeId(scope) === id)?.rules ?? []) as readonly StoredRule[];
}
function placed(action: { readonly do: string }, rule: string, scope: Placed["scope"]): Placed {
  return { action: action as RuleActionFact, rule, scope };
}

/** The matched rules of one scope that still match, in order; undefined when that cannot be told. */
function matchedUnder(
  old: readonly StoredRule[],
  now: readonly StoredRule[],
  told: readonly RulesFact["matched"][number][],
) {
  const known = new Map(old.map((rule) => [ruleNameOf(rule as SettingValue), rule]));
  const kept = now.map((rule) => known.get(ruleNameOf(rule as SettingValue)));
  const positions = kept.map((rule) => (rule === undefined ? -1 : old.indexOf(rule)));
  // A rule is new, or asks something else, or the order changed.
  const isTold = now.every((rule, index) => {
    const before = kept[index];
    return before !== undefined && conditionOf(before) === conditionOf(rule) && stopOf(before) === stopOf(rule);
  });
  if (!isTold || positions.some((at, index) => index > 0 && at <= (positions[index - 1] ?? -1))) return undefined;
  const gone = old.filter(
    (rule) => !now.some((each) => ruleNameOf(each as SettingValue) === ruleNameOf(rule as SettingValue)),
  );
  const isMatched = (rule: StoredRule) => told.some((each) => each.rule === ruleNameOf(rule as SettingValue));
  // Without its `stop` the rules after it would have been asked.
  if (gone.some((rule) => isMatched(rule) && stopOf(rule) !== "[]")) return undefined;
  return told.flatMap((each) => {
    const rule = now.find((candidate) => ruleNameOf(candidate as SettingValue) === each.rule);
    return rule === undefined ? [] : [{ ...each, actions: actionsOf(rule).filter((action) => action.do !== "stop") }];
  });
}

function isDisposition({ do: name }: { readonly do: string }): boolean {
  return name === "reject" || name === "quarantine" || name === "discard";
}

/** The actions that stand beside each other, as libs/rules settles them: first disposition, last folder, no target twice. */
function settled(all: readonly Placed[]): readonly Placed[] {
  const disposition = all.findIndex(({ action }) => isDisposition(action));
  const folder = all.findLastIndex(({ action }) => action.do === "file");
  const targets = new Set<string>();
  return all.flatMap((each, index): readonly Placed[] => {
    const { action } = each;
    if (isDisposition(action)) return index === disposition ? [each] : [];
    if (action.do === "file") return index === folder ? [each] : [];
    if (action.do !== "forward" && action.do !== "redirect") return [each];
    if (disposition >= 0) return [];
    const to = action.to.filter((address) => takeTarget(targets, address));
    return to.length === 0 ? [] : [{ ...each, action: { ...action, to } }];
  });
}

function takeTarget(targets: Set<string>, address: string): boolean {
  const key = address.toLowerCase();
  if (targets.has(key) || targets.size >= targetsMax) return false;
  targets.add(key);
  return true;
}
