import type { Scope, SettingValue } from "@mailfold/domain";
import { formatIpPrefix, mayOpenRelaying, parseIpPrefix } from "./ip-address.ts";

/** A checked value in its canonical form, or what is wrong with it and what is allowed. */
type SettingCheck = { readonly value: SettingValue } | { readonly problem: string };
/** Checks the value of one setting at a kind of scope. */
export type CheckSetting = (value: SettingValue, scopeKind: Scope["kind"]) => SettingCheck;

/** Addresses that one scope may list; a bigger set belongs in the accept list. */
const relayAddressesMax = 1_000;

/** true or false. */
export const checkBoolean: CheckSetting = (value) =>
  typeof value === "boolean" ? { value } : { problem: "must be true or false" };

/** true anywhere, false only at platform scope: a lower scope may tighten, never loosen. */
export const checkTightenOnly: CheckSetting = (value, scopeKind) => {
  if (value === false && scopeKind !== "platform") return { problem: "only the platform may set this to false" };
  return checkBoolean(value, scopeKind);
};

/** One of a few words or numbers. */
export function checkOneOf(...allowed: readonly (string | number)[]): CheckSetting {
  return (value) => {
    const found = allowed.find(
      (candidate) => candidate === value || (typeof value === "string" && `${candidate}` === value),
    );
    return found === undefined ? { problem: `must be one of ${allowed.join(", ")}` } : { value: found };
  };
}

/** A whole number in a range, ends included. */
export function checkInteger(min: number, max: number): CheckSetting {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? { value }
      : { problem: `must be a whole number from ${min} to ${max}` };
}

/** A share: from 0 to 0.99. */
export const checkShare: CheckSetting = (value) =>
  typeof value === "number" && value >= 0 && value <= 0.99 ? { value } : { problem: "must be a number from 0 to 0.99" };

/** 0 for off, or a whole number in a range, ends included. */
export function checkZeroOrInteger(min: number, max: number): CheckSetting {
  return (value, scopeKind) => {
    if (value === 0) return { value };
    const checked = checkInteger(min, max)(value, scopeKind);
    return "problem" in checked ? { problem: `must be 0, or a whole number from ${min} to ${max}` } : checked;
  };
}

/** One line of printable ASCII. */
export function checkPrintable(charactersMax: number): CheckSetting {
  return (value) =>
    typeof value === "string" && value.length <= charactersMax && /^[\x20-\x7e]+$/.test(value)
      ? { value }
      : { problem: `must be 1 to ${charactersMax} printable ASCII characters` };
}

/** Distinct words out of a closed set, sorted. */
export function checkSubsetOf(...allowed: readonly string[]): CheckSetting {
  return (value) => {
    const problem = `must be a list of any of ${allowed.join(", ")}`;
    if (!Array.isArray(value)) return { problem };
    const words = new Set<string>();
    for (const item of value) {
      if (typeof item !== "string" || !allowed.includes(item)) return { problem };
      words.add(item);
    }
    return { value: [...words].sort() };
  };
}

/** A list of IPs and CIDRs; below platform scope none wider than /24 (IPv6 /48) and none of this machine itself. */
export const checkRelayAddresses: CheckSetting = (value, scopeKind) => {
  if (!Array.isArray(value)) return { problem: "must be a list of IP addresses and CIDRs" };
  if (value.length > relayAddressesMax) return { problem: `at most ${relayAddressesMax} addresses` };
  const seen = new Set<string>();
  for (const item of value) {
    if (typeof item !== "string") return { problem: "must be a list of IP addresses and CIDRs" };
    const prefix = parseIpPrefix(item.trim());
    if ("problem" in prefix) return prefix;
    if (scopeKind !== "platform" && !mayOpenRelaying(prefix)) {
      return {
        problem: `"${item}": below platform scope no network wider than /24 (IPv6 /48), and no loopback address`,
      };
    }
    seen.add(formatIpPrefix(prefix));
  }
  return { value: [...seen] };
};

/** Protocol names with the greeting's words after the host name; printable ASCII, as a greeting is one line. */
export const checkBanners: CheckSetting = (value) => {
  const problem = "must be an object with any of smtp, imap, pop3, each 1 to 400 printable ASCII characters";
  if (value === null || typeof value !== "object" || Array.isArray(value)) return { problem };
  const banners: Record<string, string> = {};
  for (const [protocol, text] of Object.entries(value)) {
    const valid = typeof text === "string" && /^[\x20-\x7e]{1,400}$/.test(text);
    if (!valid || !["smtp", "imap", "pop3"].includes(protocol)) return { problem };
    banners[protocol] = text;
  }
  return { value: banners };
};
