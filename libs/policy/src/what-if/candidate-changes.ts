import { type ListingSubject, scopeId } from "@mailfold/domain";
import { stateOf } from "../compiled-policy.ts";
import { parseIpPrefix } from "../ip-address.ts";
import { listingRemoved, subjectsIn } from "../learned-lists.ts";
import type { KeyKind } from "../list-store.ts";
import type { PolicyState } from "../policy-state.ts";
import { parseSenderPattern } from "../sender-pattern.ts";
import { settingDefinitions } from "../setting-definitions.ts";
import type { CompiledPolicy, Facts } from "../types.ts";
import { type ChangePlace, proposedEvent } from "./apply-changes.ts";
import { patternsNaming } from "./entry-patterns.ts";
import { ListOverlay } from "./list-overlay.ts";
import type { PolicyChange } from "./policy-change.ts";
import { seenOf } from "./seen-of.ts";
import { ruleCandidates, settingCandidates } from "./setting-candidates.ts";

/** Settings that no answer tells anybody to loosen: what they keep out is malware. */
export const neverLoosened: ReadonlySet<string> = new Set(["virusScanner", "virusAction"]);

/** What the search goes by. */
export interface SearchMatter {
  readonly policy: CompiledPolicy;
  readonly facts: Facts;
  /** Points of the verdict, if any. */
  readonly score: number;
  /** Settings that were looked at; no other can matter. */
  readonly read: ReadonlySet<string>;
  /** Also what neverLoosened holds. */
  readonly withUnsafe?: boolean;
}

/**
 * Every single change of one scope that the search tries. What may matter is told from the facts: numbers can only cross
 * numbers that were observed, entries can only name who was seen, and only settings that were looked at can decide.
 */
export function candidateChanges(matter: SearchMatter, place: ChangePlace): readonly PolicyChange[] {
  return [
    ...entryCandidates(matter, place),
    ...pardonCandidates(matter, place),
    ...settingDefinitions
      .filter(({ name }) => {
        return name !== "rules" && matter.read.has(name) && (matter.withUnsafe === true || !neverLoosened.has(name));
      })
      .flatMap((definition) => settingCandidates(matter, place, definition)),
    ...ruleCandidates(matter, place),
  ];
}

/** Learned listings of a scope that name who was seen, pardoned. */
function pardonCandidates({ facts, policy }: SearchMatter, { scope }: ChangePlace): readonly PolicyChange[] {
  if (scope.kind !== "tenant" && scope.kind !== "platform") return [];
  const state = stateOf(policy);
  if (state.learned.shape(scopeId(scope)) === undefined) return [];
  const learned = ListOverlay.over(state.learned);
  return subjectsIn(facts).flatMap((value): PolicyChange[] => {
    const subject: ListingSubject = { kind: subjectKind(value), value };
    const without = listingRemoved({ ...state, learned }, { scope, subject }, proposedEvent);
    return without.learned === learned ? [] : [{ pardon: subject }];
  });
}

/** What a listing of this value is about: an address (IPv6: its /64), a network, an author or a domain. */
function subjectKind(value: string): ListingSubject["kind"] {
  if (value.includes("@")) return "sender";
  const prefix = parseIpPrefix(value);
  if ("problem" in prefix) return "domain";
  return prefix.length === 32 || prefix.length === 64 ? "ip" : "prefix";
}

function entryCandidates({ policy, facts }: SearchMatter, place: ChangePlace): readonly PolicyChange[] {
  const { address, domain, host, ips } = seenOf(facts);
  const named = [address, ...ips, host, domain === undefined ? undefined : `@${domain}`];
  const adds = named.flatMap((pattern): PolicyChange[] => {
    const isPattern = pattern !== undefined && !("problem" in parseSenderPattern(pattern));
    return isPattern ? [{ entryAdd: { list: "accept", pattern } }] : [];
  });
  const removals = (["kill", "accept"] as const).flatMap((list) => {
    return matchingPatterns(stateOf(policy), place, { facts, list }).map((pattern): PolicyChange => {
      return { entryRemove: { list, pattern } };
    });
  });
  return [...adds, ...removals];
}

/** Patterns of a scope's list that name who was seen. */
function matchingPatterns(
  { lists }: PolicyState,
  { scope }: ChangePlace,
  { facts, list }: { readonly facts: Facts; readonly list: "accept" | "kill" },
): readonly string[] {
  const shape = lists.shape(scopeId(scope));
  if (shape === undefined) return [];
  return patternsNaming(facts, shape).filter((text) => {
    const pattern = parseSenderPattern(text);
    if ("problem" in pattern) return false;
    const { key, kind, prefix } = pattern;
    const where = prefix
      ? ({ kind: prefix.family === 4 ? "ipv4" : "ipv6", prefix } as const)
      : { kind: kind as Exclude<KeyKind, "ipv4" | "ipv6">, text: key };
    return lists.rowOf({ scope, list, ...where }) >= 0;
  });
}
