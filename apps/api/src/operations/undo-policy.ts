import {
  type ChangePolicySettings,
  type PolicyEvent,
  type PolicySettingsState,
  policySettings,
  type Scope,
  type SettingLimit,
  type SettingValue,
  scopeId,
} from "@mailfold/domain";
import type { RecordedEvent, Refusal } from "@mailfold/kernel";
import type { PolicyDifference } from "../history/policy-difference.ts";
import { isReordered, ruleListOf, rulesTouched, withRulesAsBefore } from "../history/rule-list.ts";
import { conflictWith, standingAfter } from "./undo-conflict.ts";

/** What takes a change back: settings and limits as the ordinary command sets them. */
export type PolicyInverse = Pick<ChangePolicySettings, "set" | "unset"> & {
  readonly limits: { readonly set: Readonly<Record<string, SettingLimit>>; readonly unset: readonly string[] };
};

/** One event of a policy stream with what stood before it and after it. */
interface Step {
  readonly event: RecordedEvent<PolicyEvent>;
  readonly before: PolicySettingsState;
  readonly after: PolicySettingsState;
}

function stepsOf(events: readonly RecordedEvent[]): readonly Step[] {
  const steps: Step[] = [];
  let before = policySettings.initialState;
  for (const event of events as readonly RecordedEvent<PolicyEvent>[]) {
    const after = policySettings.evolve(before, event as unknown as PolicyEvent);
    steps.push({ event, before, after });
    before = after;
  }
  return steps;
}

/** The rules on both sides of a step; undefined where `rules` is no list of named rules: then it is a setting like others. */
function ruleSides({ before, after }: Pick<Step, "before" | "after">) {
  const [was, is] = [ruleListOf(before.values.rules), ruleListOf(after.values.rules)];
  return was === undefined || is === undefined ? undefined : { was, is };
}

/** Everything of the rules: their order, or a value that is no list of them. */
const allRules = "rules";

/** Names that a step changed; of rules each by itself as `rule <name>`. */
function namesTouched(step: Step): readonly string[] {
  const { set, unset } = step.event.data;
  const names = [...Object.keys(set), ...unset];
  if (step.event.type === "PolicyLimitsChanged") return names.map((name) => `limit of ${name}`);
  return names.flatMap((name) => {
    const sides = name === "rules" ? ruleSides(step) : undefined;
    if (sides === undefined) return [name];
    const touched = rulesTouched(sides.was, sides.is).map((rule) => `rule ${rule}`);
    return isReordered(sides.was, sides.is) ? [...touched, allRules] : touched;
  });
}

const meets = (a: string, b: string) =>
  a === b || (a === allRules && b.startsWith("rule ")) || (b === allRules && a.startsWith("rule "));

/** How to take events of one policy stream back, or the later change that is in the way. */
export function invertPolicy(
  stream: readonly RecordedEvent[],
  targets: readonly RecordedEvent[],
): PolicyInverse | { readonly refused: Refusal } {
  const steps = stepsOf(stream);
  const now = steps.at(-1)?.after ?? policySettings.initialState;
  const inverse = { set: {}, unset: [] as string[], limits: { set: {}, unset: [] as string[] } };
  for (const target of targets) {
    const step = steps.find(({ event }) => event.id === target.id);
    if (step === undefined) throw new Error(`${target.id} is not in its stream`);
    const names = namesTouched(step);
    const later = new Set(standingAfter(stream, target).map(({ id }) => id));
    for (const other of steps) {
      if (!later.has(other.event.id)) continue;
      const clash = namesTouched(other).find((name) => names.some((own) => meets(own, name)));
      if (clash !== undefined) return { refused: conflictWith(target, other.event, clash) };
    }
    invertStep(step, now, inverse);
  }
  return inverse;
}

function invertStep(
  step: Step,
  now: PolicySettingsState,
  inverse: {
    readonly set: Record<string, SettingValue>;
    readonly unset: string[];
    readonly limits: { readonly set: Record<string, SettingLimit>; readonly unset: string[] };
  },
): void {
  const { event, before } = step;
  const names = [...Object.keys(event.data.set), ...event.data.unset];
  if (event.type === "PolicyLimitsChanged") {
    for (const name of names) {
      const limit = before.limits[name];
      if (limit === undefined) inverse.limits.unset.push(name);
      else inverse.limits.set[name] = limit;
    }
    return;
  }
  for (const name of names) {
    const value = name === "rules" ? rulesAsBefore(step, now) : before.values[name];
    if (value === undefined) inverse.unset.push(name);
    else inverse.set[name] = value;
  }
}

/** Rules that other changes made since stay as they are. */
function rulesAsBefore(step: Step, now: PolicySettingsState): SettingValue | undefined {
  const sides = ruleSides(step);
  const current = ruleListOf(now.values.rules);
  const isLeftAlone =
    sides === undefined ||
    current === undefined ||
    (rulesTouched(sides.is, current).length === 0 && !isReordered(sides.is, current));
  if (isLeftAlone) return step.before.values.rules;
  const rules = withRulesAsBefore(current, sides.was, rulesTouched(sides.was, sides.is));
  // No rules where there was no list before: the setting goes, too.
  return rules.length === 0 && step.before.values.rules === undefined ? undefined : rules;
}

/** What taking events back changes at their scope: `before` is what they left, `after` what stood before them. */
export function policyUndone(
  prefix: readonly RecordedEvent[],
  targets: readonly RecordedEvent[],
): readonly PolicyDifference[] {
  const steps = stepsOf(prefix);
  return targets.flatMap((target) => {
    const step = steps.find(({ event }) => event.id === target.id);
    return step === undefined ? [] : undoneStep(step, steps);
  });
}

function undoneStep(step: Step, steps: readonly Step[]): readonly PolicyDifference[] {
  const { event, before, after } = step;
  const scope = scopeId(event.data.scope as Scope);
  const names = [...Object.keys(event.data.set), ...event.data.unset];
  const isLimit = event.type === "PolicyLimitsChanged";
  const stand = (value: unknown, byEvent: string | undefined) =>
    value === undefined ? undefined : { value, scope, shown: true, byEvent };
  return names.flatMap((name): readonly PolicyDifference[] => {
    const earlier = steps.findLast(
      (other) =>
        other.event.revision < event.revision &&
        other.event.type === event.type &&
        Object.hasOwn(other.event.data.set, name),
    )?.event.id;
    const sides = name === "rules" && !isLimit ? ruleSides(step) : undefined;
    if (sides !== undefined) {
      const touched = rulesTouched(sides.was, sides.is).map((rule): PolicyDifference => {
        const [left, right] = [stand(sides.is.get(rule), event.id), stand(sides.was.get(rule), earlier)];
        return { part: "rule", name: rule, before: left, after: right, changedBy: event.id };
      });
      if (!isReordered(sides.was, sides.is)) return touched;
      const order = { before: stand([...sides.is.keys()], event.id), after: stand([...sides.was.keys()], earlier) };
      return [...touched, { part: "setting", name, ...order, changedBy: event.id }];
    }
    const [left, right] = isLimit ? [after.limits, before.limits] : [after.values, before.values];
    const [is, was] = [stand(left[name], event.id), stand(right[name], earlier)];
    return [{ part: isLimit ? "limit" : "setting", name, before: is, after: was, changedBy: event.id }];
  });
}
