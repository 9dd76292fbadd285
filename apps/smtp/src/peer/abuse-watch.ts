import type { Clock } from "@mailfold/kernel";
import type { ListenerSettings } from "@mailfold/policy";
import type { Denials } from "../denials.ts";
import { denialPrefix } from "../ip-prefix.ts";
import { HourlyCounts } from "./hourly-counts.ts";

/** Counts what abusers do by IPv4 /32 and IPv6 /64, over sessions and protocols, and denies those that go too far. */
export interface AbuseWatch {
  /** A recipient of ours that does not exist; beyond harvestLimit in an hour the peer is denied. */
  unknownRecipient(ip: string): void;
  /** A failed login or token; beyond authFailureLimit in an hour the peer is denied for every protocol. */
  loginFailed(ip: string, protocol: string): void;
}

// About 200 octets each.
const prefixesMax = 100_000;

export function createAbuseWatch(deps: {
  readonly denials: Denials;
  readonly settings: () => Pick<ListenerSettings, "harvestLimit" | "authFailureLimit">;
  readonly clock: Clock;
}): AbuseWatch {
  const { denials, clock } = deps;
  const watch = (reason: string, what: string) => {
    const counts = new HourlyCounts(prefixesMax);
    return (ip: string, limit: number, protocol: string): void => {
      if (limit === 0 || denials.isExempt(ip)) return;
      const count = counts.add(denialPrefix(ip), clock.now());
      if (count > limit) void denials.deny(ip, reason, { detail: `${count} ${what} in an hour`, protocol });
    };
  };
  const harvest = watch("harvest", "unknown recipients");
  const logins = watch("auth-failures", "failed logins");
  return {
    unknownRecipient: (ip) => harvest(ip, deps.settings().harvestLimit, "smtp"),
    loginFailed: (ip, protocol) => logins(ip, deps.settings().authFailureLimit, protocol),
  };
}
