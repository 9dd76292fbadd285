import type { Facts } from "@mailfold/policy";
import { canonicalIp, compileCidrs } from "@mailfold/proxy-protocol";

/** Received fields that are looked at, newest first. */
const hopsMax = 20;
const compiled = new WeakMap<object, (ip: string) => boolean>();

/** Whether an address is in a list of IPs and CIDRs, as the setting trustedRelays has it. */
function contains(relays: readonly string[], ip: string): boolean {
  const known = compiled.get(relays) ?? compileCidrs(relays);
  compiled.set(relays, known);
  return known(ip);
}

/**
 * Where mail came from that a trusted relay brought: the first address beyond the trusted ones in its Received fields (RFC
 * 5321 4.4: `from NAME (NAME [IP])`). null: none can be read; undefined: the peer is no trusted relay.
 */
export function relayOrigin(
  relays: readonly string[],
  peerIp: string,
  received: readonly string[],
): Facts["origin"] | undefined {
  if (relays.length === 0 || !contains(relays, peerIp)) return undefined;
  for (const field of received.slice(0, hopsMax)) {
    const ip = peerOf(field);
    // A field without an address says of its hop that it was local; what lies below it may be anybody's invention.
    if (ip === undefined) return null;
    if (!contains(relays, ip)) return { ip };
  }
  return null;
}

function peerOf(field: string): string | undefined {
  const from = field.slice(0, 1_000).split(/\sby\s/i, 1)[0] ?? "";
  if (!/^\s*from\s/i.test(from)) return undefined;
  const literals = [...from.matchAll(/\[(?:IPv6:)?([0-9A-Fa-f.:]{3,45})\]/gi)];
  // The last one is what the relay saw; one before it may be what the peer said.
  return canonicalIp(literals.at(-1)?.[1] ?? "");
}
