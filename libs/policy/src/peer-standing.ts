import type { SettingValue } from "@mailfold/domain";
import {
  type IpAddress,
  type IpPrefix,
  isPrivateAddress,
  parseIp,
  parseIpPrefix,
  prefixContains,
} from "./ip-address.ts";
import type { Judging } from "./judging.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";

/**
 * How much a peer's address says. `login`: known by its login, so the address does not matter; `private`: loopback or a
 * private network, never looked up; `relayed`: a trusted relay's, which says nothing of the sender; `foreign`: all others.
 */
export type PeerStanding = "login" | "private" | "relayed" | "foreign";

const parsed = new WeakMap<readonly SettingValue[], readonly IpPrefix[]>();

/** Networks of a setting's value, read once for each value. */
function networksOf(value: readonly SettingValue[]): readonly IpPrefix[] {
  const known = parsed.get(value);
  if (known) return known;
  const networks = value
    .map((text) => parseIpPrefix(String(text)))
    .filter((each): each is IpPrefix => "length" in each);
  parsed.set(value, networks);
  return networks;
}

/** Standing of the peer where trustedRelays do not matter: for what it sends elsewhere. */
export function sendingStanding({ facts, ip }: Judging): PeerStanding {
  if (facts.login !== undefined) return "login";
  return ip === undefined || isPrivateAddress(ip) ? "private" : "foreign";
}

/** Standing of the peer for a recipient's chain. */
export function receivingStanding(judging: Judging, chain: ScopeChain): PeerStanding {
  const { facts, ip, state } = judging;
  if (facts.login === undefined && ip !== undefined) {
    const relays = settingValue(state, chain, "trustedRelays");
    if (Array.isArray(relays) && relays.length > 0) {
      for (const network of networksOf(relays)) if (prefixContains(network, ip)) return "relayed";
    }
  }
  return sendingStanding(judging);
}

/** The address beyond trusted relays, once the message told it; a private one says nothing. */
export function originOf({ facts, phase }: Judging): IpAddress | undefined {
  if (phase !== "data" || !facts.origin) return undefined;
  const ip = parseIp(facts.origin.ip);
  return ip === undefined || isPrivateAddress(ip) ? undefined : ip;
}
