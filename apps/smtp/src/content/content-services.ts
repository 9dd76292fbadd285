import type { DnsResolver } from "@mailfold/dns";
import { createMailAuthPool, type MailAuthPool } from "@mailfold/mail-auth";
import type { PolicySource } from "@mailfold/policy";
import { type ContentPool, createContentPool, RuleCache } from "@mailfold/rules";
import type { ClamavClient, RspamdClient } from "@mailfold/scanners";
import type { Logger, Metrics } from "@mailfold/telemetry";
import type { ClassifierPort } from "./classifier-port.ts";
import { type ContentReader, createContentReader } from "./content-reader.ts";

/** What messages are looked at with; shared by all sessions of a process. */
export interface ContentServices {
  readonly policy: PolicySource;
  /** Our authserv-id (RFC 8601 2.5). */
  readonly hostname: string;
  readonly resolver: DnsResolver;
  readonly auth: MailAuthPool;
  readonly reader: ContentReader;
  readonly rules: { readonly cache: RuleCache; readonly pool: ContentPool };
  /** Absent ones are not configured, hence never asked. */
  readonly rspamd?: Pick<RspamdClient, "scan">;
  readonly clamav?: ClamavClient;
  /** Absent: every tenant's filter is untrained. */
  readonly classifier?: ClassifierPort;
  readonly metrics: Pick<Metrics, "scans" | "scanSeconds">;
  readonly log: Logger;
  close(): Promise<void>;
}

export type ContentServicesInput = Omit<ContentServices, "auth" | "reader" | "rules" | "close">;

/** Starts the thread pools; they hold no thread while nothing is to be done. */
export function createContentServices(input: ContentServicesInput): ContentServices {
  const auth = createMailAuthPool({ threads: 2 });
  const reader = createContentReader({ threads: 2, timeoutMs: 5_000 });
  const pool = createContentPool({ threads: 1, budgetMs: 50, timeoutMs: 2_000 });
  return {
    ...input,
    auth,
    reader,
    rules: { cache: new RuleCache(), pool },
    async close() {
      await Promise.all([auth.close(), reader.close(), pool.close()]);
    },
  };
}
