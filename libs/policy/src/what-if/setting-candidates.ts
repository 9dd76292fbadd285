import { type SettingValue, scopeId } from "@mailfold/domain";
import { stateOf } from "../compiled-policy.ts";
import type { SettingDefinition } from "../setting-definition.ts";
import { scopeKinds } from "../setting-definitions.ts";
import type { Facts } from "../types.ts";
import type { ChangePlace } from "./apply-changes.ts";
import type { SearchMatter } from "./candidate-changes.ts";
import { choicesOf } from "./change-size.ts";
import type { PolicyChange } from "./policy-change.ts";
import { ruleNameOf } from "./rule-list.ts";

/** Lists of at most so many items are tried without each of them, whatever an empty list comes to. */
const itemsTried = 50;

/** A setting's other values worth trying at a scope, and inheriting again where the scope sets it. */
export function settingCandidates(
  matter: SearchMatter,
  place: ChangePlace,
  definition: SettingDefinition,
): readonly PolicyChange[] {
  const { name } = definition;
  const now = matter.policy.value(place.path, name);
  const values = valuesOf(matter, definition, now).filter(
    (value) => !("problem" in definition.check(value, place.scope.kind)),
  );
  const isPlaced = scopeKinds.indexOf(place.scope.kind) <= scopeKinds.indexOf(definition.lowestScope);
  const set = (isPlaced ? values : []).map((value): PolicyChange => ({ set: { [name]: value } }));
  const isSet = stateOf(matter.policy).settings.get(scopeId(place.scope))?.values.has(name) === true;
  return isSet ? [...set, { unset: [name] }] : set;
}

function valuesOf(matter: SearchMatter, definition: SettingDefinition, now: SettingValue): readonly SettingValue[] {
  if (definition.name === "spamThresholds") return thresholdsAbove(matter.score, now);
  const choices = choicesOf(definition);
  if (choices.length > 0) return choices.filter((value) => value !== now);
  if (typeof definition.defaultValue === "number") {
    return numbersAround(matter).filter((value) => value !== now);
  }
  return Array.isArray(now) ? listsNear(matter, definition, now) : [];
}

/** Numbers that a setting must be to lie on the other side of something observed; 0, where it means off or no limit. */
function numbersAround({ facts }: SearchMatter): readonly number[] {
  const seen = new Set<number>([0]);
  const visit = (value: unknown, name: string): void => {
    if (typeof value === "number" && name !== "at" && name !== "firstSeenAt") seen.add(value).add(value + 1);
    else if (typeof value === "object" && value !== null) {
      for (const [key, member] of Object.entries(value)) visit(member, key);
    }
  };
  visit(facts, "");
  return [...seen];
}

/** Each threshold as it is, raised to just above the points (and above the one before it), or given up: all combinations. */
function thresholdsAbove(score: number, now: SettingValue): readonly SettingValue[] {
  const before = now as Readonly<Record<string, number | undefined>>;
  const above = tenthAbove(score);
  let all: readonly Readonly<Record<string, number>>[] = [{}];
  for (const name of ["junk", "quarantine", "reject"]) {
    const limit = before[name];
    if (limit === undefined) continue;
    all = all.flatMap((each) => {
      const raised = Math.max(limit, above, tenthAbove(Math.max(0, ...Object.values(each))));
      return [{ ...each, [name]: limit }, { ...each, [name]: raised }, each];
    });
  }
  return all;
}

/** Thresholds are told to one decimal. */
function tenthAbove(points: number): number {
  return Math.floor(points * 10 + 1.000001) / 10;
}

/** A list without one of its items or without all, and with what was seen. */
function listsNear(
  { facts }: SearchMatter,
  { name }: SettingDefinition,
  now: readonly SettingValue[],
): readonly SettingValue[] {
  const less =
    now.length === 0 ? [] : [[], ...(now.length <= itemsTried ? now.map((_item, at) => now.toSpliced(at, 1)) : [])];
  const more = (seenFor(name, facts) as readonly SettingValue[]).filter((item) => !now.includes(item));
  return [...less, ...more.map((item) => [...now, item])];
}

/** What was seen that a list setting could name. */
function seenFor(name: string, { content, ip, origin }: Facts): readonly string[] {
  if (name === "relayAddresses" || name === "trustedRelays") return origin?.ip === undefined ? [ip] : [ip, origin.ip];
  if (name === "trustedSealers") return content?.authentication?.arc.sealers ?? [];
  return name === "unlocks" ? ["localUsers", "anyone", "trustUnverified"] : [];
}

function isDisposition(action: SettingValue): boolean {
  const { do: name } = action as { readonly do?: SettingValue };
  return name === "reject" || name === "quarantine" || name === "discard";
}

/** Rules of a scope that matched: without what they decided on the mail, and deleted. */
export function ruleCandidates({ facts, policy }: SearchMatter, { scope }: ChangePlace): readonly PolicyChange[] {
  const matched = facts.content?.rules?.matched.filter((each) => each.scope === scope.kind) ?? [];
  const stored = stateOf(policy).settings.get(scopeId(scope))?.values.get("rules")?.value;
  if (!Array.isArray(stored)) return [];
  return matched.flatMap(({ rule: name }): PolicyChange[] => {
    const rule = stored.find((each) => ruleNameOf(each) === name) as Readonly<Record<string, SettingValue>> | undefined;
    if (rule === undefined) return [];
    const actions = (rule.actions as readonly SettingValue[] | undefined) ?? [];
    const rest = actions.filter((action) => !isDisposition(action));
    const isLess = rest.length > 0 && rest.length < actions.length;
    return [...(isLess ? [{ ruleSave: { rule: { ...rule, actions: rest } } }] : []), { ruleDelete: { name } }];
  });
}
