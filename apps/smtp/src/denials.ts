import type { IpDenied } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { idFromUuid } from "@mailfold/ids";
import type { Journal } from "@mailfold/journal";
import type { Clock } from "@mailfold/kernel";
import type { PolicySource } from "@mailfold/policy";
import type { Logger, Metrics } from "@mailfold/telemetry";
import { denialPrefix } from "./ip-prefix.ts";
import { newEvent } from "./verdict-event.ts";

export interface Denials {
  /** Whether new connections of this IP are refused now. */
  isDenied(ip: string): boolean;
  /** Whether abuse of this IP may lead to a denial: not loopback, trusted proxies, platform relayAddresses or accepted IPs. */
  isExempt(ip: string): boolean;
  /** Refuses the IP's /32 or /64 for the listener's denyDuration: at once here, and by an event everywhere. No-op when exempt or denied already. */
  deny(ip: string, reason: string, of?: DenialDetail): Promise<void>;
  /** Seconds until the denial of this IP ends; undefined = not denied. */
  deniedForSeconds(ip: string): number | undefined;
  /** `evt_...` of the event that denies this IP now, for replies: who is asked about one looks it up. */
  referenceOf(ip: string): string | undefined;
}

/** What a denial's event says beside its reason. */
interface DenialDetail {
  readonly detail?: string;
  /** Where the abuse was seen; `smtp` when absent. */
  readonly protocol?: string;
}

// The policy view takes over within moments; this table only bridges them.
const localMax = 10_000;

/** Short refusals of an IP prefix for protocol abuse. */
export function createDenials(deps: {
  readonly journal: Journal;
  readonly policy: PolicySource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly isTrustedProxy: (ip: string) => boolean;
}): Denials {
  const local = new Map<string, { readonly until: number; readonly byEvent: string }>();
  const isExempt = (ip: string): boolean =>
    deps.isTrustedProxy(ip) || deps.policy.current().isExemptFromDenial(ip, deps.clock.now());
  const denialOf = (ip: string, now: number): { readonly until: number; readonly byEvent: string } | undefined => {
    if (isExempt(ip)) return undefined;
    const here = local.get(denialPrefix(ip));
    const known = deps.policy.current().denial(ip, now);
    const denial = here === undefined || (known !== undefined && known.until > here.until) ? known : here;
    return denial !== undefined && denial.until > now ? denial : undefined;
  };
  const deniedForSeconds = (ip: string): number | undefined => {
    const now = deps.clock.now();
    const denial = denialOf(ip, now);
    return denial && Math.ceil((denial.until - now) / 1_000);
  };
  const isDenied = (ip: string): boolean => deniedForSeconds(ip) !== undefined;
  return {
    isDenied,
    isExempt,
    deniedForSeconds,
    referenceOf(ip) {
      const denial = denialOf(ip, deps.clock.now());
      return denial && idFromUuid("event", denial.byEvent);
    },
    async deny(ip, reason, { detail, protocol = "smtp" } = {}) {
      if (isExempt(ip) || isDenied(ip)) return;
      const prefix = denialPrefix(ip);
      const occurredAt = deps.clock.now();
      const until = occurredAt + deps.policy.current().listener().denyDurationMs;
      for (const key of local.keys()) {
        if (local.size < localMax) break;
        local.delete(key);
      }
      deps.metrics.denials.inc({ reason });
      const data = { prefix, reason, until, ...(detail === undefined ? {} : { detail: detail.slice(0, 500) }) };
      const metadata = { actor: { type: "system", id: protocol }, context: { ip, protocol } } as const;
      const event = newEvent<IpDenied>("IpDenied", data, { metadata, occurredAt });
      local.set(prefix, { until, byEvent: event.id });
      try {
        await deps.journal.commit({ appends: [{ stream: streams.denial(prefix), expected: "any", events: [event] }] });
      } catch (error) {
        deps.log.error({ err: error, reason }, "a denial could not be recorded; it holds on this node only");
      }
    },
  };
}
