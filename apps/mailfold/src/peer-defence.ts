import { join } from "node:path";
import {
  type AbuseWatch,
  createAbuseWatch,
  createDenials,
  createGreylist,
  createRecipientCounters,
  type Denials,
  type Greylist,
  openEdgeMemory,
  type RecipientCounters,
} from "@mailfold/app-smtp";
import { canonicalIp, compileCidrs } from "@mailfold/proxy-protocol";
import type { PlatformParts } from "./platform-parts.ts";

/** What all protocols of this process know of abusers and of waiting senders. */
export interface PeerDefence {
  readonly denials: Denials;
  readonly abuse: AbuseWatch;
  readonly greylist: Greylist;
  readonly counters: RecipientCounters;
  /** For edges that get addresses as text (a proxy's header): text that is no address is never denied and not counted. */
  readonly byText: {
    readonly deniedForSeconds: (ip: string) => number | undefined;
    readonly referenceOf: (ip: string) => string | undefined;
    readonly loginFailed: (ip: string, protocol: string) => void;
  };
  close(): void;
}

/** Opens DATA/edge.db (greylisting, recipients of the last hour) and shares denials between all protocols. */
export function openPeerDefence(
  parts: Pick<PlatformParts, "clock" | "config" | "dataDir" | "keys" | "log" | "metrics" | "policy" | "stores">,
): PeerDefence {
  const { clock, config, dataDir, keys, log, metrics, policy, stores } = parts;
  const memory = openEdgeMemory(join(dataDir, "edge.db"), {
    clock,
    onFault: (error) => log.warn({ err: error }, "greylisting and hourly counts could not be kept"),
  });
  const denials = createDenials({
    journal: stores.journal,
    policy,
    clock,
    log,
    metrics,
    isTrustedProxy: compileCidrs(config.trustedProxies),
  });
  const abuse = createAbuseWatch({ denials, settings: () => policy.current().listener(), clock });
  return {
    denials,
    abuse,
    greylist: createGreylist(memory.greylist, keys.secret("greylist")),
    counters: createRecipientCounters(clock.now(), memory.counts),
    byText: {
      deniedForSeconds(text) {
        const ip = canonicalIp(text);
        return ip === undefined ? undefined : denials.deniedForSeconds(ip);
      },
      referenceOf(text) {
        const ip = canonicalIp(text);
        return ip === undefined ? undefined : denials.referenceOf(ip);
      },
      loginFailed(text, protocol) {
        const ip = canonicalIp(text);
        if (ip !== undefined) abuse.loginFailed(ip, protocol);
      },
    },
    close: () => memory.close(),
  };
}
