import { scopeId } from "@mailfold/domain";
import { snapshotOf, stateOf } from "../compiled-policy.ts";
import type { CompiledPolicy, Need, Verdict } from "../types.ts";
import { applyChanges, type ChangePlace } from "./apply-changes.ts";
import { candidateChanges } from "./candidate-changes.ts";
import { type ChangeSize, changeSize, compareSizes } from "./change-size.ts";
import { factsUnder, type JudgedFacts, judgeRecorded, rulesPath, unaskedFacts } from "./judge-recorded.ts";
import type { PolicyChange } from "./policy-change.ts";
import { relevantPlaces, tenantsNaming } from "./relevant-places.ts";
import { settingsRead } from "./settings-read.ts";

/** Why no single change would have turned a verdict. */
export type NoChangeReason =
  /** It was accepted as it is. */
  | "accepted"
  /** One in reach would, but a scope above has locked or bounded the setting. */
  | "locked"
  /** Only one in a scope out of reach would: above, or of somebody else (a recipient's own). */
  | "above"
  /** Only letting malware in would. */
  | "unsafe"
  /** Nothing that policy says matters: there is no such address, it is suspended, the message is malformed ... */
  | "not-policy"
  /** The facts do not tell. */
  | "undecidable";

/** The smallest single change that would have had the mail accepted, or why there is none. */
export type Counterfactual =
  | {
      readonly place: ChangePlace;
      readonly change: PolicyChange;
      readonly size: ChangeSize;
      readonly verdict: Verdict;
      /** Facts that were not asked for then; the answer takes them as saying nothing. */
      readonly unasked: readonly Need[];
    }
  | { readonly none: NoChangeReason };

/** What is searched. */
export interface CounterfactualQuestion {
  readonly policy: CompiledPolicy;
  readonly recorded: JudgedFacts;
  /** Whether whoever asks may change a scope. */
  readonly mayChange: (place: ChangePlace) => boolean;
}

type Found = Exclude<Counterfactual, { none: unknown }>;

/**
 * Finds the smallest single change (in the order of changeSize) of a scope that may be changed which turns the verdict to
 * acceptance; of mail that came to Junk or quarantine, into the inbox. Each candidate is applied to the policy and the
 * recorded facts are judged again. Where none is found, it tells why by searching again without limits, then everywhere.
 */
export function searchCounterfactual(question: CounterfactualQuestion): Counterfactual {
  const { mayChange, policy, recorded } = question;
  const before = judgeRecorded(policy, recorded);
  if (before === undefined) return { none: "undecidable" };
  if (before.action === "accept") return { none: "accepted" };
  const all = allPlaces(policy, recorded, before);
  const reachable = all.filter(mayChange);
  const search = (within: readonly ChangePlace[], under: CompiledPolicy, withUnsafe = false): Found | undefined =>
    smallestChange({ policy: under, recorded, before, places: within, withUnsafe });
  const found = search(reachable, policy);
  if (found !== undefined) return found;
  const unlimited = withoutLimits(policy);
  if (unlimited !== policy && search(reachable, unlimited) !== undefined) return { none: "locked" };
  if (reachable.length < all.length && search(all, unlimited) !== undefined) return { none: "above" };
  return { none: search(all, unlimited, true) === undefined ? "not-policy" : "unsafe" };
}

/** Scopes that have a say, narrowest first. */
function allPlaces(policy: CompiledPolicy, { facts }: JudgedFacts, before: Verdict): readonly ChangePlace[] {
  const places = relevantPlaces(facts, before);
  const known = new Set(places.map(({ scope }) => scopeId(scope)));
  return [...places, ...tenantsNaming(policy, facts).filter(({ scope }) => !known.has(scopeId(scope)))];
}

function withoutLimits(policy: CompiledPolicy): CompiledPolicy {
  let state = stateOf(policy);
  if (state.limitedSettings.size === 0) return policy;
  for (const { limits: _limits, ...rest } of [...state.settings.values()].filter(
    ({ limits }) => limits !== undefined,
  )) {
    state = { ...state, settings: state.settings.with(scopeId(rest.scope), rest) };
  }
  return snapshotOf({ ...state, limitedSettings: new Map() });
}

interface Search {
  readonly policy: CompiledPolicy;
  readonly recorded: JudgedFacts;
  readonly before: Verdict;
  readonly places: readonly ChangePlace[];
  readonly withUnsafe: boolean;
}

function smallestChange(search: Search): Found | undefined {
  const { before, places, policy, recorded, withUnsafe } = search;
  const read = settingsRead(policy, recorded);
  const matter = { policy, facts: recorded.facts, score: before.score ?? 0, read, withUnsafe };
  const candidates = places.flatMap((place) =>
    candidateChanges(matter, place).map((change) => ({ place, change, size: changeSize(policy, place, change) })),
  );
  candidates.sort((a, b) => compareSizes(a.size, b.size));
  for (const candidate of candidates) {
    const turned = turnedBy(search, candidate.place, candidate.change);
    if (turned !== undefined) return { ...candidate, ...turned };
  }
  return undefined;
}

function turnedBy(search: Pick<Search, "policy" | "recorded" | "before">, place: ChangePlace, change: PolicyChange) {
  const { before, policy, recorded } = search;
  const changed = applyChanges(policy, place, [change]);
  if ("problem" in changed) return undefined;
  const after = changed.policy;
  const facts = factsUnder(recorded.facts, rulesPath(recorded.facts, before), { before: policy, after });
  if (facts === undefined) return undefined;
  const verdict = judgeRecorded(after, { ...recorded, facts });
  if (verdict?.action !== "accept") return undefined;
  return { verdict, unasked: unaskedFacts(after, { ...recorded, facts }) };
}
