import { parseAddress, type SettingValue } from "@mailfold/domain";
import type { CheckSetting } from "./setting-checks.ts";

const zonesMax = 20;
const phrasesMax = 1_000;
const phraseCharactersMax = 200;
const rulesMax = 200;

type Fields = { readonly [key: string]: SettingValue };

function fieldsOf(value: SettingValue, allowed: readonly string[]): Fields | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  const fields = value as Fields;
  return Object.keys(fields).every((key) => allowed.includes(key)) ? fields : undefined;
}

/** A domain name in its canonical form (lower case, A-labels, no final dot), undefined when it is none. */
function domainName(value: SettingValue | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  const name = value.trim().toLowerCase().replace(/\.$/, "");
  const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?";
  return name.length <= 253 && new RegExp(`^${label}(?:\\.${label})+$`).test(name) ? name : undefined;
}

function numberIn(value: SettingValue | undefined, min: number, max: number): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= min && value <= max;
}

/** Distinct domain names. */
export function checkDomainNames(namesMax: number): CheckSetting {
  return (value) => {
    const problem = `must be a list of at most ${namesMax} domain names`;
    if (!Array.isArray(value) || value.length > namesMax) return { problem };
    const names = new Set<string>();
    for (const item of value) {
      const name = domainName(item);
      if (name === undefined) return { problem: `${problem}; ${JSON.stringify(item).slice(0, 80)} is none` };
      names.add(name);
    }
    return { value: [...names] };
  };
}

/** Zones of DNS lists, each once: weight, trusted or welcome. */
export const checkDnsLists: CheckSetting = (value) => {
  const problem = `must be a list of at most ${zonesMax} objects: zone and one of weight (0.1 to 20), trusted: true, welcome: true`;
  if (!Array.isArray(value) || value.length > zonesMax) return { problem };
  const zones = new Map<string, SettingValue>();
  for (const item of value) {
    const fields = fieldsOf(item, ["zone", "weight", "trusted", "welcome"]);
    const zone = domainName(fields?.zone);
    if (fields === undefined || zone === undefined || Object.keys(fields).length !== 2) return { problem };
    const { weight, trusted, welcome } = fields;
    if (trusted !== true && welcome !== true && !numberIn(weight, 0.1, 20)) return { problem };
    zones.set(zone, { ...fields, zone });
  }
  return { value: [...zones.values()] };
};

/** Phrases with their points. */
export const checkPhrases: CheckSetting = (value) => {
  const problem = `must be a list of at most ${phrasesMax} objects: phrase (1 to ${phraseCharactersMax} characters) and points (-20 to 20)`;
  if (!Array.isArray(value) || value.length > phrasesMax) return { problem };
  for (const item of value) {
    const fields = fieldsOf(item, ["phrase", "points"]);
    const phrase = fields?.phrase;
    if (typeof phrase !== "string" || phrase.trim() === "" || phrase.length > phraseCharactersMax) return { problem };
    if (!numberIn(fields?.points, -20, 20)) return { problem };
  }
  return { value };
};

/** Points of junk, quarantine and reject, rising. */
export const checkThresholds: CheckSetting = (value) => {
  const order = ["junk", "quarantine", "reject"];
  const problem =
    "must be an object with any of junk, quarantine, reject: points from 0.1 to 1000, rising in this order";
  const fields = fieldsOf(value, order);
  if (fields === undefined) return { problem };
  const points = order.flatMap((name) => (fields[name] === undefined ? [] : [fields[name]]));
  if (!points.every((each) => numberIn(each, 0.1, 1_000))) return { problem };
  const rising = points.every((each, index) => index === 0 || Number(each) > Number(points[index - 1]));
  return rising ? { value } : { problem };
};

/** Points from which a learned blacklist defers and refuses. */
export const checkLearningThresholds: CheckSetting = (value) => {
  const problem = "must be an object of defer and reject: points from 0.5 to 40, defer below reject";
  const fields = fieldsOf(value, ["defer", "reject"]);
  const isFit = numberIn(fields?.defer, 0.5, 40) && numberIn(fields?.reject, 0.5, 40);
  return isFit && Number(fields?.defer) < Number(fields?.reject) ? { value } : { problem };
};

/** Distinct addresses in canonical form. */
export function checkAddresses(addressesMax: number): CheckSetting {
  return (value) => {
    const problem = `must be a list of at most ${addressesMax} addresses`;
    if (!Array.isArray(value) || value.length > addressesMax) return { problem };
    const addresses = new Set<string>();
    for (const item of value) {
      const parsed = typeof item === "string" ? parseAddress(item.trim()) : undefined;
      if (parsed === undefined || "refused" in parsed) {
        return { problem: `${problem}; ${JSON.stringify(item).slice(0, 80)} is none` };
      }
      addresses.add(parsed.address.canonical);
    }
    return { value: [...addresses] };
  };
}

/** The outer shape of a list of rules; libs/rules `parseRule` checks each where rules are saved. */
export const checkRuleList: CheckSetting = (value) => {
  const problem = `must be a list of at most ${rulesMax} rules, each an object with name and actions`;
  if (!Array.isArray(value) || value.length > rulesMax) return { problem };
  const isRule = (item: SettingValue) =>
    item !== null && typeof item === "object" && !Array.isArray(item) && typeof (item as Fields).name === "string";
  return value.every(isRule) ? { value } : { problem };
};
