import { type SettingValue, sameValue, scopeId } from "@mailfold/domain";
import type { Row } from "@mailfold/kernel";
import { policyIndex } from "@mailfold/projection-policy-index";
import type { ReadStore } from "@mailfold/read-store";
import { type Between, changeBetween, eventAt } from "./event-at.ts";
import type { PolicyDifference } from "./policy-difference.ts";
import { isReordered, type RuleList, ruleListOf, rulesTouched } from "./rule-list.ts";
import type { Sides } from "./setting-differences.ts";

/** Changes of one scope's rules that are looked through for the one that changed a rule. */
const changesMax = 1_000;

interface RulesOfScope {
  readonly rules: RuleList;
  readonly byEvent?: string;
}
const none: RulesOfScope = { rules: new Map() };

function rulesByScope({ path }: Sides, policy: Sides["before"]): ReadonlyMap<string, RulesOfScope> {
  return new Map(
    policy
      .rules(path)
      .map(({ scope, rules, byEvent }) => [
        scopeId(scope),
        { rules: ruleListOf(rules as SettingValue) ?? new Map(), byEvent },
      ]),
  );
}

/**
 * Rules that run for a path and differ, each by its name. Of rules set above the reader's subtree there is only word that
 * they changed. A new order of the same rules shows as the setting `rules`, by their names.
 */
export function ruleDifferences(rows: ReadStore, sides: Sides): readonly PolicyDifference[] {
  const [before, after] = [rulesByScope(sides, sides.before), rulesByScope(sides, sides.after)];
  const found: PolicyDifference[] = [];
  for (const scope of new Set([...before.keys(), ...after.keys()])) {
    const [left, right] = [before.get(scope) ?? none, after.get(scope) ?? none];
    const touched = rulesTouched(left.rules, right.rules);
    const moved = isReordered(left.rules, right.rules);
    if (touched.length === 0 && !moved) continue;
    const side = ({ byEvent }: RulesOfScope, value: unknown) => ({ value, scope, shown: true, byEvent });
    if (!sides.mayName(scope)) {
      const hidden = { value: null, scope, shown: false };
      found.push({ part: "setting", name: "rules", before: hidden, after: hidden });
      continue;
    }
    for (const name of touched) {
      const [was, is] = [left.rules.get(name), right.rules.get(name)];
      found.push({
        part: "rule",
        name,
        before: was === undefined ? undefined : side(left, was),
        after: is === undefined ? undefined : side(right, is),
        changedBy: ruleChange(rows, { scope, name, value: is }, sides.between),
      });
    }
    if (!moved) continue;
    const pair = { before: side(left, [...left.rules.keys()]), after: side(right, [...right.rules.keys()]) };
    const changedBy = changeBetween(rows, { table: "settings", name: "rules", ...pair }, sides.between);
    found.push({ part: "setting", name: "rules", ...pair, changedBy });
  }
  return found;
}

/** The event after which a rule read as it does at the end: rules are set as a list, which changes for other rules too. */
function ruleChange(
  rows: ReadStore,
  of: { readonly scope: string; readonly name: string; readonly value: SettingValue | undefined },
  { from, to }: Between,
): string | undefined {
  const { scope, name, value } = of;
  const history = rows.select(policyIndex, "settings", {
    where: { scope, name: "rules" },
    and: [["fromPosition", "<=", to]],
    orderBy: ["fromPosition"],
    descending: true,
    limit: changesMax,
  });
  let found: string | undefined;
  let next: Row[string] | undefined;
  for (const { fromPosition, toPosition, value: text, byEvent } of history) {
    const wasUnset = typeof toPosition === "string" && toPosition <= to && toPosition !== next;
    if (wasUnset && (value !== undefined || toPosition <= from)) break;
    if (wasUnset) found = eventAt(rows, toPosition);
    const rules = ruleListOf(JSON.parse(String(text)) as SettingValue);
    if (String(fromPosition) <= from || !sameValue(rules?.get(name), value)) break;
    found = String(byEvent);
    next = fromPosition;
  }
  return found;
}
