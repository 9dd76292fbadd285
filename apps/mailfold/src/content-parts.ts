import { type ContentServices, createContentServices, type Forwarding } from "@mailfold/app-smtp";
import type { SealKeyRecord } from "@mailfold/mail-auth";
import { type ContentPool, createContentPool } from "@mailfold/rules";
import { type ClamavAddress, createClamavClient, createRspamdClient, type RspamdClient } from "@mailfold/scanners";
import type { Config } from "./config.ts";
import type { PlatformParts } from "./platform-parts.ts";
import { openSealKey } from "./seal-key-file.ts";

/** What content is looked at with, and what forwarding needs. */
export interface ContentParts {
  readonly content: ContentServices;
  readonly forwarding: Forwarding;
  /** Bodies for the API's tests of rules, apart from the one that mail waits for. */
  readonly ruleTests: ContentPool;
  /** The DNS record to publish for ARC seals. */
  readonly sealRecord: SealKeyRecord;
  close(): Promise<void>;
}

/** Both within the 40 s that one message may take in all. */
const rspamdDeadlineMs = 15_000;
const clamavDeadlineMs = 30_000;

/** The client of the configured rspamd; undefined when none is. */
export function rspamdClient({ rspamd, rspamdController }: Config): RspamdClient | undefined {
  if (rspamd === undefined) return undefined;
  const controller = rspamdController === undefined ? undefined : new URL(rspamdController);
  const password = controller === undefined ? "" : decodeURIComponent(controller.password);
  if (controller !== undefined) {
    controller.username = "";
    controller.password = "";
  }
  return createRspamdClient({
    url: rspamd,
    deadlineMs: rspamdDeadlineMs,
    ...(controller === undefined ? {} : { controllerUrl: controller.href }),
    ...(password === "" ? {} : { password }),
  });
}

/** Opens scanners' clients and thread pools, and the keys of forwarding; makes the seal key at the first start. */
export async function openContentParts(
  parts: Pick<
    PlatformParts,
    "config" | "dataDir" | "keys" | "clock" | "log" | "metrics" | "policy" | "resolver" | "classifier"
  > & { readonly rspamd: RspamdClient | undefined },
): Promise<ContentParts> {
  const { config, dataDir, keys, clock, log, metrics, policy, resolver, classifier, rspamd } = parts;
  const { hostname } = config;
  const sealKey = await openSealKey({ dataDir, domain: hostname, sealer: keys, now: clock.now() });
  const content = createContentServices({
    policy,
    hostname,
    resolver,
    classifier,
    metrics,
    log,
    ...(rspamd === undefined ? {} : { rspamd }),
    ...(config.clamav === undefined
      ? {}
      : { clamav: createClamavClient({ ...clamavAddress(config.clamav), deadlineMs: clamavDeadlineMs }) }),
  });
  const ruleTests = createContentPool({ threads: 1, budgetMs: 50, timeoutMs: 2_000, queueMax: 32 });
  return {
    content,
    ruleTests,
    forwarding: { srsKeys: { current: keys.secret("srs") }, sealKey },
    sealRecord: sealKey.record,
    async close() {
      await Promise.all([content.close(), ruleTests.close()]);
    },
  };
}

function clamavAddress(clamav: NonNullable<Config["clamav"]>): ClamavAddress {
  return typeof clamav === "string" ? { socketPath: clamav } : clamav;
}
