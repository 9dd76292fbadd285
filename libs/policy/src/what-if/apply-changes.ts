import { type ListingSubject, type Scope, type SettingValue, scopeId } from "@mailfold/domain";
import type { SenderEntryId } from "@mailfold/kernel";
import { snapshotOf, stateOf } from "../compiled-policy.ts";
import { canonicalSubject, listingRemoved } from "../learned-lists.ts";
import { entryAdded, entryRemoved, settingSet, settingUnset } from "../policy-changes.ts";
import { chainOf, type PolicyState, platformChain, settingValue } from "../policy-state.ts";
import { validateSenderEntry } from "../sender-pattern.ts";
import type { CompiledPolicy, ScopePath } from "../types.ts";
import { checkLimitsAbove, type LimitsOfScope } from "../validate-limit.ts";
import { validateSetting } from "../validate-setting.ts";
import { ListOverlay } from "./list-overlay.ts";
import { type PolicyChange, type PolicyChangeProblem, policyChangesMax } from "./policy-change.ts";
import { withRuleDeleted, withRuleSaved } from "./rule-list.ts";

/** Where changes are made: a scope, and itself with all scopes above it (the limits of those above count). */
export interface ChangePlace {
  readonly scope: Scope;
  readonly path: ScopePath;
}

/** The policy with changes, or why they cannot be made. */
export type ChangedPolicy = { readonly policy: CompiledPolicy } | { readonly problem: PolicyChangeProblem };

/** What trace lines show as the event of a change that was only tried. */
export const proposedEvent = "proposed";

/** A place, and what stands for the event of the change. */
type Target = ChangePlace & { readonly byEvent: string };
type Refusal = Omit<PolicyChangeProblem, "at">;
type Applied = PolicyState | { readonly refusal: Refusal };

/**
 * The policy as it would be with all of some changes made in one scope, checked like the operations that make them. The
 * policy itself stays as it is, and keeps its revision: both can be evaluated side by side, and later events can still be
 * applied to it at no extra cost. `byEvent` stands for the event of the changes. Values and patterns may be in any form the operations take.
 */
export function applyChanges(
  policy: CompiledPolicy,
  place: ChangePlace,
  changes: readonly PolicyChange[],
  byEvent: string = proposedEvent,
): ChangedPolicy {
  if (changes.length > policyChangesMax) {
    return { problem: { code: "INVALID_INPUT", message: `at most ${policyChangesMax} changes`, at: policyChangesMax } };
  }
  const { revision } = policy;
  const before = stateOf(policy);
  let state: PolicyState = {
    ...before,
    lists: ListOverlay.over(before.lists),
    learned: ListOverlay.over(before.learned),
  };
  for (const [at, change] of changes.entries()) {
    const applied = applyChange(state, { ...place, byEvent }, change);
    if ("refusal" in applied) return { problem: { ...applied.refusal, at } };
    state = applied;
  }
  return { policy: snapshotOf({ ...state, revision }) };
}

function refused(code: Refusal["code"], message: string): Applied {
  return { refusal: { code, message } };
}

function applyChange(state: PolicyState, place: Target, change: PolicyChange): Applied {
  const { byEvent, scope } = place;
  if ("set" in change) {
    let next: Applied = state;
    for (const [name, value] of Object.entries(change.set)) {
      if ("refusal" in next) return next;
      next = withValue(next, place, { name, value });
    }
    return next;
  }
  if ("unset" in change) {
    let next = state;
    for (const name of change.unset) {
      if (next.settings.get(scopeId(scope))?.values.has(name) !== true) continue;
      next = settingUnset(next, scope, name, byEvent);
    }
    return next;
  }
  if ("entryAdd" in change) return withEntryOf(state, place, change.entryAdd);
  if ("entryRemove" in change) {
    const next = entryRemoved(state, { scope, ...change.entryRemove }, byEvent);
    const { list, pattern } = change.entryRemove;
    return next.lists === state.lists ? refused("NOT_FOUND", `the ${list} list has no entry ${pattern}`) : next;
  }
  if ("ruleSave" in change) {
    return withRules(state, place, withRuleSaved(rulesOf(state, scope), change.ruleSave));
  }
  if ("ruleDelete" in change) {
    return withRules(state, place, withRuleDeleted(rulesOf(state, scope), change.ruleDelete.name));
  }
  return withoutListing(state, place, change.pardon);
}

function withoutListing(state: PolicyState, { byEvent, scope }: Target, subject: ListingSubject): Applied {
  const missing = refused("NOT_FOUND", `${scope.kind} scope has no learned listing of ${subject.value}`);
  if (scope.kind !== "tenant" && scope.kind !== "platform") return missing;
  const value = canonicalSubject(subject.value);
  const next = listingRemoved(state, { scope, subject: { ...subject, value } }, byEvent);
  return next.learned === state.learned ? missing : next;
}

function unlocksOf(state: PolicyState): readonly string[] {
  const unlocks = settingValue(state, platformChain, "unlocks");
  return Array.isArray(unlocks) ? unlocks.map(String) : [];
}

/** Limits of the scopes above, widest first. */
function limitsAbove(state: PolicyState, { path, scope }: ChangePlace): readonly LimitsOfScope[] {
  const above: LimitsOfScope[] = [];
  for (const id of [...chainOf(path)].reverse()) {
    const settings = id === scopeId(scope) ? undefined : state.settings.get(id);
    if (settings?.limits === undefined) continue;
    const limits = Object.fromEntries([...settings.limits].map(([name, { limit }]) => [name, limit]));
    above.push({ kind: settings.scope.kind, limits });
  }
  return above;
}

function withValue(
  state: PolicyState,
  place: Target,
  { name, value }: { readonly name: string; readonly value: SettingValue },
): Applied {
  const { byEvent, path, scope } = place;
  const checked = validateSetting(name, value, scope.kind, { unlocked: unlocksOf(state) });
  if (!checked.ok) return refused(checked.code, checked.problem);
  const limit = checkLimitsAbove(name, checked.value, limitsAbove(state, place));
  if (limit) return refused(limit.code, limit.message);
  const { resellerId } = path;
  const reseller = scope.kind === "tenant" && resellerId !== undefined ? { resellerId } : {};
  return settingSet(state, { scope, name, value: checked.value, byEvent, ...reseller });
}

type EntryAdd = Extract<PolicyChange, { entryAdd: unknown }>["entryAdd"];

function withEntryOf(state: PolicyState, { byEvent, path, scope }: Target, entry: EntryAdd): Applied {
  const { expiresAt, list, trustUnverified = false } = entry;
  const proposed = { list, scopeKind: scope.kind, pattern: entry.pattern, trustUnverified };
  const valid = validateSenderEntry(proposed, { unlocked: unlocksOf(state) });
  if ("problem" in valid) return refused("PATTERN_INVALID", valid.problem);
  const { resellerId } = path;
  return entryAdded(state, {
    entryId: proposedEvent as SenderEntryId,
    scope,
    list,
    pattern: valid.pattern.pattern,
    trustUnverified,
    byEvent,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(scope.kind === "tenant" && resellerId !== undefined ? { resellerId } : {}),
  });
}

function rulesOf(state: PolicyState, scope: Scope): readonly SettingValue[] {
  const value = state.settings.get(scopeId(scope))?.values.get("rules")?.value;
  return Array.isArray(value) ? value : [];
}

function withRules(state: PolicyState, place: Target, changed: ReturnType<typeof withRuleSaved>): Applied {
  if ("refusal" in changed) return changed;
  return withValue(state, place, { name: "rules", value: changed.rules });
}
