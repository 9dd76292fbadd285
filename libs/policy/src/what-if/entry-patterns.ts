import { formatIpPrefix, parseIp, prefixOf } from "../ip-address.ts";
import type { Facts } from "../types.ts";
import { seenOf } from "./seen-of.ts";

/** Shortest text of a suffix pattern. */
const suffixMin = 2;
/** The longest, as of any host name (RFC 1035 2.3.4). */
const suffixMax = 253;

/**
 * Every list pattern, in its canonical text, that can name who was seen in some facts: a few hundred at most. Entries with
 * any other pattern cannot change the verdict on them.
 */
export function entryPatterns(facts: Facts): readonly string[] {
  const { address, helo, host, ips } = seenOf(facts);
  const patterns = new Set<string>();
  for (const text of ips) {
    const ip = parseIp(text);
    if (ip === undefined) continue;
    const longest = ip.family === 4 ? 32 : 128;
    for (let length = 0; length <= longest; length++) patterns.add(formatIpPrefix(prefixOf(ip, length)));
  }
  for (const name of [host, helo]) if (name !== undefined) patterns.add(name);
  if (address === undefined) return [...patterns];
  const domain = address.slice(address.lastIndexOf("@") + 1);
  patterns.add(address).add(`@${domain}`);
  for (let length = suffixMin; length <= Math.min(domain.length, suffixMax); length++) {
    patterns.add(`@*${domain.slice(-length)}`);
  }
  return [...patterns];
}
