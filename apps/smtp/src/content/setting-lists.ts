import type { PhraseEntry, UrlDomainEntry } from "@mailfold/classifier";
import { type Scope, type SettingValue, scopeId } from "@mailfold/domain";
import type { CompiledPolicy, ScopePath } from "@mailfold/policy";
import { type Rule, readStoredRule, type ScopeRules } from "@mailfold/rules";
import type { ContentLists } from "./read-content.ts";

/** Content settings in force for one recipient. Equal settings are the same object while the policy does not change. */
export interface ContentSettings {
  readonly checks: readonly string[];
  readonly lists: ContentLists;
  /** Tells settings apart: recipients with the same key need one search. */
  readonly key: object;
}

/** Points for a link into a domain of urlDenyList. */
const deniedUrlPoints = 3;

const noLists: ContentLists = { phrases: [], urls: [] };
// Values live as long as the policy that holds them, so does what was made of them.
const phrasesOf = new WeakMap<object, readonly PhraseEntry[]>();
const urlsOf = new WeakMap<object, readonly UrlDomainEntry[]>();
const pairsOf = new WeakMap<object, WeakMap<object, ContentLists>>();

/** Reads contentChecks, phraseList and urlDenyList along a path. */
export function contentSettings(policy: CompiledPolicy, path: ScopePath): ContentSettings {
  const checks = policy.value(path, "contentChecks");
  const phrases = policy.value(path, "phraseList");
  const urls = policy.value(path, "urlDenyList");
  const lists = isList(phrases) && isList(urls) ? listsOf(phrases, urls) : noLists;
  return { checks: isList(checks) ? (checks as readonly string[]) : [], lists, key: lists };
}

type List = readonly SettingValue[];

function isList(value: SettingValue | undefined): value is List {
  return Array.isArray(value);
}

function listsOf(phrases: List, urls: List): ContentLists {
  if (phrases.length === 0 && urls.length === 0) return noLists;
  const byUrls = memo(pairsOf, phrases, () => new WeakMap<object, ContentLists>());
  return memo(byUrls, urls, () => ({
    phrases: memo(phrasesOf, phrases, () => (phrases as unknown as readonly PhraseSetting[]).map(phraseEntry)),
    urls: memo(urlsOf, urls, () => (urls as readonly string[]).map((domain) => ({ domain, weight: deniedUrlPoints }))),
  }));
}

interface PhraseSetting {
  readonly phrase: string;
  readonly points: number;
}

function phraseEntry({ phrase, points }: PhraseSetting): PhraseEntry {
  return { phrase, in: "both", weight: points };
}

/**
 * The processing rules along a path in the form that libs/rules compiles; a rule that cannot be read is left out. They are
 * read when they are compiled, not before, and what is compiled is bounded: a second copy of all tenants' rules is not kept.
 */
export function scopeRules(policy: CompiledPolicy, path: ScopePath): readonly ScopeRules[] {
  return policy.rules(path).map(({ scope, rules, byEvent }) => ({
    scope: scope.kind,
    scopeId: scopeId(scope),
    revision: byEvent,
    get rules() {
      return parsedRules(rules, scope);
    },
  }));
}

function parsedRules(rules: List, scope: Scope): readonly Rule[] {
  return rules.map((rule) => readStoredRule(rule, scope.kind)).filter((rule) => rule !== undefined);
}

function memo<V>(map: WeakMap<object, V>, key: object, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
