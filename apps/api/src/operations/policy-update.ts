import {
  type ChangePolicySettings,
  type PolicySettingsState,
  policySettings,
  type SettingCheck,
  type SettingLimit,
  type SettingValue,
  scopeId,
} from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { limitCheck, settingCheck, settingDefinition, validateLimit, validateSetting } from "@mailfold/policy";
import type { Caller } from "../caller.ts";
import { checkRules } from "./check-rules.ts";
import { limitRefusal, loadPolicyAbove, type PolicyAbove, unlocksOf } from "./limits-above.ts";
import type { PolicyUpdateInput } from "./operation-inputs.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { placeScope } from "./placed-scope.ts";
import type { PlacedScope } from "./policy-records.ts";
import { decideOn, planOf } from "./single-stream.ts";

/** What policyUpdate is asked to change; `limits` is absent when it names none. */
interface Change {
  readonly set: Readonly<Record<string, SettingValue>>;
  readonly unset: readonly string[];
  readonly limits?: { readonly set: Readonly<Record<string, SettingLimit>>; readonly unset: readonly string[] };
}

/** Sets and unsets settings of one scope, and limits what the scopes below it may set. */
export function createPolicyUpdate(kit: OperationKit): Operations["policyUpdate"] {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "policyUpdate",
      input,
      prepare() {
        const placed = placeScope(kit.view(caller), caller, input.scope);
        if ("errors" in placed) return placed;
        const change = changeOf(input, placed);
        if ("errors" in change) return change;
        const { scope, path } = placed;
        const stream = streams.policy(scopeId(scope));
        return {
          belonging: placed,
          streams: [stream],
          async plan(load) {
            // A conflict on the own stream plans anew, so the limits above are read again with it.
            const loaded = await load(policySettings, stream);
            const above = await loadPolicyAbove(load, placed);
            const platform = above.scopes[0]?.state ?? loaded.state;
            return planOf(decideOn(policySettings, loaded, commandOf(change, { caller, placed, above, platform })));
          },
          value: () => ({ placed, settings: kit.deps.policy.current().effective(path) }),
        };
      },
    });
}

/** The input's change with rules in canonical form: what is wrong with rules is told all at once. */
function changeOf(input: PolicyUpdateInput, { scope }: PlacedScope): Change | OperationOutcome<never> {
  const set = membersOf<SettingValue>(input.set);
  if (set === undefined) return invalidInput("set maps setting names to values.", "set");
  const limits = membersOf<SettingLimit>(input.limits);
  if (limits === undefined) return invalidInput("limits maps setting names to limits.", "limits");
  const unset = input.unset ?? [];
  const unsetLimits = input.unsetLimits ?? [];
  const hasLimits = Object.keys(limits).length > 0 || unsetLimits.length > 0;
  const more = hasLimits ? { limits: { set: limits, unset: unsetLimits } } : {};
  if (!Object.hasOwn(set, "rules")) return { set, unset, ...more };
  const rules = checkRules(set.rules, scope.kind, ["set", "rules"]);
  return rules.value === undefined
    ? refused(...rules.refusals)
    : { set: { ...set, rules: rules.value }, unset, ...more };
}

/** Members of a JSON object; absent counts as empty. */
function membersOf<V>(json: unknown): Readonly<Record<string, V>> | undefined {
  if (json === null || json === undefined) return {};
  return typeof json === "object" && !Array.isArray(json) ? (json as Readonly<Record<string, V>>) : undefined;
}

interface ChangeContext {
  readonly caller: Caller;
  readonly placed: PlacedScope;
  readonly above: PolicyAbove;
  /** The platform's own policy, which is the scope's own when that is the platform. */
  readonly platform: PolicySettingsState;
}

/** The decider's command: values and limits in canonical form, with the checks that refuse those that have none. */
function commandOf(change: Change, { caller, placed, above, platform }: ChangeContext): ChangePolicySettings {
  const { scope } = placed;
  const { kind } = scope;
  // The platform may unlock and use a risky value in one command.
  const own = kind === "platform" ? change.set : {};
  const unlocked = unlocksOf({ ...platform, values: { ...platform.values, ...own } });
  const checkSetting = settingCheck(kind, { unlocked });
  const check: SettingCheck = (name, value) => {
    // A value that may no longer be set here may still go.
    if (value === undefined && settingDefinition(name) !== undefined) return undefined;
    const problem = checkSetting(name, value);
    if (problem !== undefined || value === undefined) return problem;
    return limitRefusal(above, { caller, placed, name, value });
  };
  const canonicalValue = (name: string, value: SettingValue) => {
    const checked = validateSetting(name, value, kind, { unlocked });
    return checked.ok ? checked.value : value;
  };
  const canonicalLimit = (name: string, limit: SettingLimit) => {
    const checked = validateLimit(name, limit, kind);
    return checked.ok ? checked.limit : limit;
  };
  const { set, unset, limits } = change;
  return {
    type: "ChangePolicySettings",
    scope,
    set: mapped(set, canonicalValue),
    unset,
    scopeExists: true,
    check,
    ...(limits === undefined
      ? {}
      : { limits: { set: mapped(limits.set, canonicalLimit), unset: limits.unset, check: limitCheck(kind) } }),
  };
}

function mapped<V>(members: Readonly<Record<string, V>>, change: (name: string, value: V) => V) {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, change(name, value)]));
}
