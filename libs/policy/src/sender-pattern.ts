import type { Scope, SenderList } from "@mailfold/domain";
import { formatIpPrefix, type IpPrefix, mayOpenRelaying, parseIp, parseIpPrefix } from "./ip-address.ts";

/** What an accept or kill entry names. `suffix` = `@*text`: every sender domain that ends in the text, dots or not. */
export type SenderPatternKind = "ip" | "cidr" | "host" | "address" | "domain" | "suffix";

/** A parsed list pattern; `pattern` is its canonical text: lower case, one spelling for each thing named. */
export interface SenderPattern {
  readonly kind: SenderPatternKind;
  readonly pattern: string;
  /** What is compared: the prefix of ip and cidr ... */
  readonly prefix?: IpPrefix;
  /** ... or the text without `@` and `*` of the others (whole address for `address`). */
  readonly key: string;
}
/** Why a text is no pattern, for the person who wrote it. */
export interface PatternProblem {
  readonly problem: string;
}

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/** Whether a text is a lower-case A-label host name of at least two labels, at most 253 octets, not all digits at its end. */
export function isHostName(text: string): boolean {
  if (text.length > 253) return false;
  const labels = text.split(".");
  const last = labels.at(-1) ?? "";
  return labels.length >= 2 && labels.every((part) => label.test(part)) && !/^\d+$/.test(last);
}

function parseAddressPattern(text: string): SenderPattern | PatternProblem {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  const host = text.slice(at + 1);
  if (!isHostName(host)) return { problem: `"${text}": "${host}" is not a domain name (use its ASCII form)` };
  // RFC 5321 4.5.3.1.1; spaces, quotes and controls cannot occur in the dot-atom senders that lists compare.
  if (local.length > 64 || !/^[^\p{Cc}\s"@<>()[\]\\,;:]+$/u.test(local)) {
    return { problem: `"${text}": the part before @ must be a plain local part of at most 64 characters` };
  }
  return { kind: "address", pattern: text, key: text };
}

function parseSuffixPattern(text: string): SenderPattern | PatternProblem {
  const suffix = text.slice(2);
  if (suffix.length < 2 || suffix.length > 253 || !/^[a-z0-9._-]+$/.test(suffix) || !/[a-z]/.test(suffix)) {
    return { problem: `"${text}": after @* write the end of a domain name, e.g. @*widget.com or @*.example` };
  }
  return { kind: "suffix", pattern: text, key: suffix };
}

/**
 * Parses and canonicalises a list pattern: IP, CIDR, host, `user@host`, `@host` or `@*suffix`. Answers a problem for
 * anything else, and for host bits beyond a CIDR's length.
 */
export function parseSenderPattern(input: string): SenderPattern | PatternProblem {
  const text = input.trim().toLowerCase();
  if (text === "" || text.length > 320) return { problem: "a pattern has 1 to 320 characters" };
  if (text.startsWith("@*")) return parseSuffixPattern(text);
  if (text.startsWith("@")) {
    const host = text.slice(1);
    if (!isHostName(host)) return { problem: `"${text}": "${host}" is not a domain name (use its ASCII form)` };
    return { kind: "domain", pattern: text, key: host };
  }
  if (text.includes("@")) return parseAddressPattern(text);
  if (text.includes("/") || parseIp(text)) {
    const prefix = parseIpPrefix(text);
    if ("problem" in prefix) return prefix;
    const pattern = formatIpPrefix(prefix);
    return { kind: pattern.includes("/") ? "cidr" : "ip", pattern, key: pattern, prefix };
  }
  if (isHostName(text)) return { kind: "host", pattern: text, key: text };
  return { problem: `"${text}" is none of: IP, CIDR, host name, user@host, @host, @*suffix` };
}

/** An entry as an administrator proposes it. */
export interface ProposedEntry {
  readonly list: SenderList;
  readonly scopeKind: Scope["kind"];
  readonly pattern: string;
  readonly trustUnverified?: boolean;
}
/** A valid entry: canonical pattern, whether it opens relaying, and what its writer should know. */
export interface ValidEntry {
  readonly pattern: SenderPattern;
  readonly opensRelaying: boolean;
  readonly warning?: string;
}

/** Scopes whose accept entries may open relaying; those below only affect inbound mail. */
export function scopeMayRelay(kind: Scope["kind"]): boolean {
  return kind === "platform" || kind === "reseller" || kind === "tenant";
}

/** A lock on who may relay, as whoever writes an entry below it may know it: a setting, and a scope in words. */
export interface LockOnRelaying {
  readonly setting: string;
  readonly scope: string;
}

/**
 * Checks a proposed list entry; `unlocked` holds the platform's `unlocks`, `lock` what a scope above has locked. Refuses trustUnverified without the unlock,
 * on a kill list, below tenant scope and on anything but an address or a domain.
 */
export function validateSenderEntry(
  entry: ProposedEntry,
  options: { readonly unlocked: readonly string[]; readonly lock?: LockOnRelaying | undefined },
): ValidEntry | PatternProblem {
  const valid = validEntry(entry, options.unlocked);
  const { lock } = options;
  if ("problem" in valid || lock === undefined || !couldOpen(entry, valid)) return valid;
  const warning = `Accepts mail, but does not open relaying: ${lock.setting} is locked at ${lock.scope}.`;
  return { ...valid, opensRelaying: false, warning };
}

/** Whether an entry, of a sender perhaps with the help of SPF, opens relaying where nothing is locked. */
function couldOpen({ list, scopeKind }: ProposedEntry, { opensRelaying, pattern }: ValidEntry): boolean {
  const namesSender = pattern.kind === "address" || pattern.kind === "domain";
  return opensRelaying || (list === "accept" && namesSender && scopeMayRelay(scopeKind));
}

function validEntry(entry: ProposedEntry, unlocked: readonly string[]): ValidEntry | PatternProblem {
  const pattern = parseSenderPattern(entry.pattern);
  if ("problem" in pattern) return pattern;
  if (entry.trustUnverified) {
    if (entry.list !== "accept") return { problem: "trustUnverified belongs to accept entries" };
    if (!unlocked.includes("trustUnverified")) {
      return { problem: "trustUnverified is locked; the platform opens it by the setting unlocks" };
    }
    if (!scopeMayRelay(entry.scopeKind)) return { problem: "trustUnverified needs tenant scope or above" };
    if (pattern.kind !== "address" && pattern.kind !== "domain") {
      return { problem: `trustUnverified is for user@host and @host, not for ${pattern.pattern}` };
    }
    const warning = "Anyone who writes this sender address can relay: it is not verified in any way.";
    return { pattern, opensRelaying: true, warning };
  }
  if (entry.list === "kill") return { pattern, opensRelaying: false };
  const { prefix } = pattern;
  if (!prefix || !scopeMayRelay(entry.scopeKind)) return { pattern, opensRelaying: false };
  if (entry.scopeKind === "platform" || mayOpenRelaying(prefix)) return { pattern, opensRelaying: true };
  const warning = "Accepts inbound mail only: too wide (or loopback) to open relaying; the limit is /24, IPv6 /48.";
  return { pattern, opensRelaying: false, warning };
}
