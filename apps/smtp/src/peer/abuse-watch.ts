import type { Clock } from "@mailfold/kernel";
import type { ListenerSettings } from "@mailfold/policy";
import type { Denials } from "../denials.ts";
import { denialPrefix } from "../ip-prefix.ts";
import type { Judged } from "../judge.ts";
import { HourlyCounts } from "./hourly-counts.ts";

/** Counts what abusers do by IPv4 /32 and IPv6 /64, over sessions and protocols, and denies those that go too far. */
export interface AbuseWatch {
  /**
   * A recipient of ours that does not exist. Beyond harvestLimit in an hour the peer is denied, unless more of its recipients
   * were taken in that hour, as of a large provider, whose users mistype, or `isWelcome` says that it is known as a good one.
   */
  unknownRecipient(ip: string, isWelcome?: () => boolean): void;
  /** A message that was committed, with its verdicts: recipients of ours that get it as wanted mail speak for the peer. */
  messageTaken(judged: readonly Judged[]): void;
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
  const counter = () => {
    const counts = new HourlyCounts(prefixesMax);
    return (ip: string, limit: number): number => {
      return limit === 0 || denials.isExempt(ip) ? 0 : counts.add(denialPrefix(ip), clock.now());
    };
  };
  const unknown = counter();
  const logins = counter();
  const taken = new HourlyCounts(prefixesMax);
  return {
    unknownRecipient(ip, isWelcome = () => false) {
      const { harvestLimit } = deps.settings();
      const count = unknown(ip, harvestLimit);
      if (count <= harvestLimit || isWelcome()) return;
      const good = taken.count(denialPrefix(ip), clock.now());
      if (count <= good) return;
      void denials.deny(ip, "harvest", { detail: `${count} unknown recipients in an hour, ${good} taken` });
    },
    messageTaken(judged) {
      const [first] = judged;
      const wanted = judged.filter(isWanted).length;
      if (first !== undefined && wanted > 0) taken.add(denialPrefix(first.facts.ip), clock.now(), wanted);
    },
    loginFailed(ip, protocol) {
      const { authFailureLimit } = deps.settings();
      const count = logins(ip, authFailureLimit);
      if (count > authFailureLimit)
        void denials.deny(ip, "auth-failures", { detail: `${count} failed logins in an hour`, protocol });
    },
  };
}

/** Mail for a mailbox here that nothing took for spam: what a stranger sends to Junk and quarantine is no work of a good one. */
function isWanted({ facts, verdict }: Judged): boolean {
  return facts.login === undefined && facts.recipient?.found.kind === "local" && verdict.action === "accept";
}
