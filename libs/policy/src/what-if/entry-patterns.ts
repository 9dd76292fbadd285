import { formatIpPrefix, parseIp, prefixOf } from "../ip-address.ts";
import type { Facts } from "../types.ts";
import { seenOf } from "./seen-of.ts";

/** Lengths that patterns of a list have: of prefixes in bits, of suffixes in characters behind `@*`. */
interface PatternLengths {
  readonly ipv4Lengths: readonly number[];
  readonly ipv6Lengths: readonly number[];
  readonly suffixLengths: readonly number[];
}

const upTo = (longest: number, from: number): readonly number[] =>
  Array.from({ length: longest - from + 1 }, (_, index) => from + index);

/** The shortest text of a suffix has 2 characters, the longest is that of any host name (RFC 1035 2.3.4). */
const everyLength: PatternLengths = {
  ipv4Lengths: upTo(32, 0),
  ipv6Lengths: upTo(128, 0),
  suffixLengths: upTo(253, 2),
};

/** The list patterns of some lengths, in their canonical text, that name who was seen in some facts. */
export function patternsNaming(facts: Facts, lengths: PatternLengths): readonly string[] {
  const { address, domain, helo, host, ips } = seenOf(facts);
  const patterns = new Set<string>();
  for (const text of ips) {
    const ip = parseIp(text);
    if (ip === undefined) continue;
    for (const length of ip.family === 4 ? lengths.ipv4Lengths : lengths.ipv6Lengths) {
      patterns.add(formatIpPrefix(prefixOf(ip, length)));
    }
  }
  for (const name of [host, helo]) if (name !== undefined) patterns.add(name);
  if (address === undefined || domain === undefined) return [...patterns];
  patterns.add(address).add(`@${domain}`);
  for (const length of lengths.suffixLengths) {
    if (length <= domain.length) patterns.add(`@*${domain.slice(domain.length - length)}`);
  }
  return [...patterns];
}

/**
 * Every list pattern, in its canonical text, that can name who was seen in some facts: a few hundred at most. Entries with
 * any other pattern cannot change the verdict on them.
 */
export function entryPatterns(facts: Facts): readonly string[] {
  return patternsNaming(facts, everyLength);
}
