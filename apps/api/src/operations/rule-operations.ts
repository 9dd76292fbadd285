import { type DomainRefusal, policySettings, type SettingValue, scopeId } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { ScopePath } from "@mailfold/policy";
import type { Caller } from "../caller.ts";
import { checkRule, checkRules, settingOf } from "./check-rules.ts";
import { limitRefusal, loadPolicyAbove } from "./limits-above.ts";
import type { OperationKit } from "./operation-kit.ts";
import { refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { placeScope } from "./placed-scope.ts";
import type { PlacedScope } from "./policy-records.ts";
import type { Load, Plan } from "./run-command.ts";
import { decideOn, planOf } from "./single-stream.ts";

type Rules = readonly SettingValue[];
type Changed = { readonly rules: Rules } | { readonly refused: DomainRefusal };

/** One rule of a scope's list at a time; the list is the scope's `rules` setting. */
export function createRuleOperations(kit: OperationKit): Pick<Operations, "ruleSave" | "ruleDelete"> {
  return {
    ruleSave: (caller, input) =>
      kit.execute({
        caller,
        operation: "ruleSave",
        input,
        prepare() {
          const placed = placeScope(kit.view(caller), caller, input.scope);
          if ("errors" in placed) return placed;
          const { scope } = placed;
          const checked = checkRule(input.rule, scope.kind, ["rule"]);
          if (checked.refusals !== undefined) return refused(...checked.refusals);
          const rule = settingOf(checked.value);
          const place = { name: checked.value.name, before: input.before ?? undefined };
          return {
            belonging: placed,
            streams: [streams.policy(scopeId(scope))],
            plan: (load) => planRules(load, { caller, placed }, (rules) => placeRule(rules, rule, place)),
            value: () => ({ scope, rule }),
          };
        },
      }),
    ruleDelete: (caller, input) =>
      kit.execute({
        caller,
        operation: "ruleDelete",
        input,
        prepare() {
          const placed = placeScope(kit.view(caller), caller, input.scope);
          if ("errors" in placed) return placed;
          return {
            belonging: placed,
            streams: [streams.policy(scopeId(placed.scope))],
            plan: (load) => planRules(load, { caller, placed }, (rules) => withoutRule(rules, input.name)),
            value: () => placed.scope,
          };
        },
      }),
  };
}

/** Decides on the scope's whole list: two who change it at once both count, since the later one decides again. */
async function planRules(
  load: Load,
  at: { readonly caller: Caller; readonly placed: PlacedScope & { readonly path: ScopePath } },
  change: (rules: Rules) => Changed,
): Promise<Plan> {
  const { scope } = at.placed;
  const loaded = await load(policySettings, streams.policy(scopeId(scope)));
  const { rules: standing } = loaded.state.values;
  const changed = change(Array.isArray(standing) ? standing : []);
  if ("refused" in changed) return { refused: changed.refused };
  const checked = checkRules(changed.rules, scope.kind, ["rule"]);
  if (checked.refusals !== undefined) return { refused: checked.refusals[0] };
  const above = await loadPolicyAbove(load, at.placed);
  const forbidden = (name: string, value: SettingValue): DomainRefusal | undefined => {
    const refusal = limitRefusal(above, { ...at, name, value });
    return refusal === undefined ? undefined : { ...refusal, path: ["scope"] };
  };
  const isEmpty = checked.value.length === 0;
  return planOf(
    decideOn(policySettings, loaded, {
      type: "ChangePolicySettings",
      scope,
      set: isEmpty ? {} : { rules: checked.value },
      unset: isEmpty ? ["rules"] : [],
      scopeExists: true,
      check: (name, value) => (value === undefined ? undefined : forbidden(name, value)),
    }),
  );
}

function nameOf(rule: SettingValue): unknown {
  return typeof rule === "object" && rule !== null && "name" in rule ? rule.name : undefined;
}

function placeRule(
  rules: Rules,
  rule: SettingValue,
  { name, before }: { readonly name: string; readonly before: string | undefined },
): Changed {
  const at = rules.findIndex((each) => nameOf(each) === name);
  if (before === undefined) return { rules: at < 0 ? [...rules, rule] : rules.with(at, rule) };
  const others = rules.filter((each) => nameOf(each) !== name);
  const to = before === "" ? others.length : others.findIndex((each) => nameOf(each) === before);
  return to < 0 ? { refused: noRule("before") } : { rules: others.toSpliced(to, 0, rule) };
}

function withoutRule(rules: Rules, name: string): Changed {
  const rest = rules.filter((each) => nameOf(each) !== name);
  return rest.length === rules.length ? { refused: noRule("name") } : { rules: rest };
}

function noRule(field: string): DomainRefusal {
  return { code: "NOT_FOUND", message: "The scope has no other rule of this name.", path: [field] };
}
