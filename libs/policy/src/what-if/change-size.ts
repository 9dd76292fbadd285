import { type SettingValue, scopeId } from "@mailfold/domain";
import { parseSenderPattern } from "../sender-pattern.ts";
import type { SettingDefinition } from "../setting-definition.ts";
import { scopeKinds, settingDefinition } from "../setting-definitions.ts";
import type { CompiledPolicy } from "../types.ts";
import type { ChangePlace } from "./apply-changes.ts";
import type { PolicyChange } from "./policy-change.ts";

/** How much a change changes: compared member by member, the first difference decides. */
export type ChangeSize = readonly [kind: number, scope: number, distance: number, text: string];

/** Kinds of change from the smallest: what touches one sender alone comes before what touches all mail. */
const changeOrder = [
  "accept entry for exactly this address or IP",
  "entry or learned listing taken away",
  "number set",
  "word set",
  "list setting changed",
  "setting inherits again",
  "rule changed",
  "rule deleted",
  "accept entry for a host or domain",
  "anything else",
] as const;
const kindOf = (name: (typeof changeOrder)[number]): number => changeOrder.indexOf(name);

/** The words and numbers that a setting chooses from, in the order of its table; none for ranges, lists and objects. */
export function choicesOf(definition: SettingDefinition): readonly SettingValue[] {
  if (!["string", "boolean"].includes(typeof definition.defaultValue)) return [];
  const words = [...definition.values.matchAll(/`([^`]+)`|\b(true|false)\b/g)].map(([, word, flag]): SettingValue => {
    return word ?? flag === "true";
  });
  return words.filter((word) => !("problem" in definition.check(word, "platform")));
}

function relative(from: number, to: number, definition: SettingDefinition | undefined): number {
  const unlimited = definition?.zeroIsUnlimited === true;
  if (unlimited && (from === 0 || to === 0)) return from === to ? 0 : 1e9;
  return Math.abs(to - from) / Math.max(1, Math.abs(from));
}

/** Raising a threshold counts by how much; giving it up, more than any raise. */
function thresholdDistance(from: SettingValue, to: SettingValue): number {
  const [old, now] = [from, to] as readonly Readonly<Record<string, number | undefined>>[];
  let sum = 0;
  for (const name of ["junk", "quarantine", "reject"]) {
    const [a, b] = [old?.[name], now?.[name]];
    if (a === b) continue;
    sum += a === undefined || b === undefined ? 1e6 : relative(a, b, undefined);
  }
  return sum;
}

function settingSize(policy: CompiledPolicy, place: ChangePlace, name: string, value: SettingValue): [number, number] {
  const definition = settingDefinition(name);
  const now = policy.value(place.path, name);
  if (name === "spamThresholds") return [kindOf("number set"), thresholdDistance(now, value)];
  if (Array.isArray(value) && Array.isArray(now)) {
    const [old, next] = [now, value].map((items) => new Set(items.map((item: SettingValue) => JSON.stringify(item))));
    const differing = [...(old ?? []), ...(next ?? [])].filter((item) => old?.has(item) !== next?.has(item));
    return [kindOf("list setting changed"), differing.length];
  }
  if (typeof value === "number" && typeof now === "number") {
    return [kindOf("number set"), relative(now, value, definition)];
  }
  const choices = definition === undefined ? [] : choicesOf(definition);
  const [from, to] = [choices.indexOf(now), choices.indexOf(value)];
  return from < 0 || to < 0 ? [kindOf("anything else"), 0] : [kindOf("word set"), Math.abs(to - from)];
}

const exact: Readonly<Record<string, number>> = { address: 0, ip: 1 };
const wide: Readonly<Record<string, number>> = { host: 2, domain: 3, cidr: 4, suffix: 5 };

function measure(policy: CompiledPolicy, place: ChangePlace, change: PolicyChange): [number, number] {
  if ("entryAdd" in change) {
    const pattern = parseSenderPattern(change.entryAdd.pattern);
    const kind = "problem" in pattern ? "" : pattern.kind;
    if (change.entryAdd.list !== "accept") return [kindOf("anything else"), 0];
    const distance = exact[kind];
    if (distance !== undefined) return [kindOf("accept entry for exactly this address or IP"), distance];
    return [kindOf("accept entry for a host or domain"), wide[kind] ?? 9];
  }
  if ("entryRemove" in change) return [kindOf("entry or learned listing taken away"), 0];
  if ("pardon" in change) return [kindOf("entry or learned listing taken away"), 1];
  if ("ruleSave" in change) return [kindOf("rule changed"), 0];
  if ("ruleDelete" in change) return [kindOf("rule deleted"), 0];
  if ("unset" in change) return [kindOf("setting inherits again"), change.unset.length];
  const [first, ...more] = Object.entries(change.set);
  if (first === undefined || more.length > 0) return [kindOf("anything else"), 0];
  return settingSize(policy, place, ...first);
}

/**
 * The size of a change against what is in force: first its kind, then its scope (the narrowest is the smallest), then how far
 * it goes (the share by which a number changes, the words between two words, the items of a list), last its text, so that no
 * two changes are equal.
 */
export function changeSize(policy: CompiledPolicy, place: ChangePlace, change: PolicyChange): ChangeSize {
  const [kind, distance] = measure(policy, place, change);
  const scope = scopeKinds.length - 1 - scopeKinds.indexOf(place.scope.kind);
  return [kind, scope, distance, `${JSON.stringify(change)} ${scopeId(place.scope)}`];
}

/** Negative when the first change is the smaller one. */
export function compareSizes(a: ChangeSize, b: ChangeSize): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]] as readonly (string | number)[];
    if (x === undefined || y === undefined || x === y) continue;
    return x < y ? -1 : 1;
  }
  return 0;
}
