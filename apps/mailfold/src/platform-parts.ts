import { join } from "node:path";
import { createDnsResolver, type DnsResolver } from "@mailfold/dns";
import { createEventCodec } from "@mailfold/events";
import type { Clock, Position } from "@mailfold/kernel";
import { type Keys, openKeys } from "@mailfold/keys";
import { createMimePool, type MimePool } from "@mailfold/mime";
import { createPasswordPool, type PasswordPool } from "@mailfold/passwords";
import {
  cachedUsedBytes,
  createDirectory,
  type Directory,
  directoryProjection,
  usedBytesFrom,
} from "@mailfold/projection-directory";
import { type FolderOutcome, foldersFold, type MailboxState } from "@mailfold/projection-folders";
import { type FoldRunner, type OpenedReadStore, openFoldRunner, openReadStore } from "@mailfold/read-store";
import { createMetrics, type Logger, type Metrics } from "@mailfold/telemetry";
import type { Config } from "./config.ts";
import { readFoldWorld } from "./log-world.ts";
import { type PolicyFeed, startPolicyFeed } from "./policy-feed.ts";
import type { ProjectorConfig } from "./projector-module.ts";
import { openStores, type Stores } from "./stores.ts";
import { decidingViews, mailboxUsageProjection } from "./views.ts";

/** Everything below the front ends, wired once. */
export interface PlatformParts {
  readonly config: Config;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly keys: Keys;
  readonly stores: Stores;
  readonly rows: OpenedReadStore;
  readonly directory: Directory;
  readonly policy: PolicyFeed;
  readonly folds: FoldRunner<MailboxState, FolderOutcome>;
  readonly passwords: PasswordPool;
  readonly mime: MimePool;
  readonly resolver: DnsResolver;
  /** True once directory and policy hold all that was in the log at start. */
  viewsReady(): boolean;
  /** Waits for directory and policy; what a receipt waits for. */
  waitForViews(position: Position, timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** How long a body that nothing holds is kept before its space is freed. */
const bodyGraceMs = 24 * 3_600_000;
const housekeepingMs = 3_600_000;
/** How long it may go unnoticed that a view parked. */
const parkedKnownMs = 100;
const trafficRetentionMs = 90 * 86_400_000;

/** Opens stores, views, policy and pools. `onFatal` = something that only a restart mends. */
export async function openPlatformParts(
  input: Pick<PlatformParts, "config" | "dataDir" | "log">,
  onFatal: (error: Error) => void,
): Promise<PlatformParts> {
  const { config, dataDir, log } = input;
  const clock: Clock = { now: Date.now };
  const keys = openKeys({ dir: join(dataDir, "keys") });
  const stores = await openStores({ config, dataDir, codec: createEventCodec(keys), clock, log });
  const { journal } = stores;
  const projectorConfig: ProjectorConfig = { dataDir, eventStore: config.eventStore };
  const rows = await openReadStore({
    path: join(dataDir, "views.db"),
    clock,
    projector: { moduleUrl: new URL("./projector-module.ts", import.meta.url), config: projectorConfig },
    onFault: (fault) => log.warn({ fault }, "a view is being retried"),
    onDied: onFatal,
    onBodies(stream, refs, upToRevision) {
      journal.bodies
        .setHeld(stream, refs, { upToRevision })
        .catch((error: unknown) => log.warn({ err: error }, "held bodies could not be noted"));
    },
  });
  const startHead = await journal.events.head();
  const usedBytes = cachedUsedBytes(usedBytesFrom(rows, mailboxUsageProjection));
  const directory = createDirectory(rows, usedBytes.of);
  rows.onAdvance((projection) => {
    if (projection === directoryProjection.name) directory.invalidate();
    else if (projection === mailboxUsageProjection.name) usedBytes.invalidate();
  });
  const policy = startPolicyFeed(journal.events, (fault) => log.warn({ fault }, "the policy feed is being retried"));
  const folds = openFoldRunner({
    fold: foldersFold,
    source: journal.events,
    snapshots: rows.snapshots,
    world: await readFoldWorld(journal.events),
    onFault: (fault) => log.warn({ fault }, "the folder feed is being retried"),
  });
  const passwords = createPasswordPool();
  const mime = createMimePool({ threads: 1, timeoutMs: 10_000 });
  let caughtUp = false;
  const parked = remembered(parkedKnownMs, () =>
    rows
      .status()
      .some((view) => decidingViews.includes(view.name) && view.state !== "running" && view.state !== "rebuilding"),
  );
  void rows.waitFor(startHead, { projections: decidingViews, timeoutMs: 3_600_000 }).then((reached) => {
    caughtUp = reached;
  });
  const housekeeping = setInterval(() => void keepHouse(stores, rows, { clock, log }), housekeepingMs);
  housekeeping.unref();
  return {
    ...input,
    clock,
    metrics: createMetrics(),
    keys,
    stores,
    rows,
    directory,
    policy,
    folds,
    passwords,
    mime,
    resolver: createDnsResolver(config.dns === undefined ? {} : { server: config.dns }),
    viewsReady: () => caughtUp && policy.ready() && !parked(),
    async waitForViews(position, timeoutMs) {
      const [views, policies] = await Promise.all([
        rows.waitFor(position, { projections: decidingViews, timeoutMs }),
        policy.waitFor(position, timeoutMs),
      ]);
      return views && policies;
    },
    async close() {
      clearInterval(housekeeping);
      await policy.close();
      await folds.close();
      await rows.close();
      await Promise.all([passwords.close(), mime.close()]);
      await stores.close();
    },
  };
}

/** The answer of `ask`, asked again once it is older than `forMs`: for what every SMTP command wants to know. */
function remembered<Value>(forMs: number, ask: () => Value): () => Value {
  let askedAt = Number.NEGATIVE_INFINITY;
  let value: Value | undefined;
  return () => {
    const now = performance.now();
    if (value === undefined || now - askedAt >= forMs) {
      value = ask();
      askedAt = now;
    }
    return value;
  };
}

/** Drops expired traffic and frees bodies that nothing holds. A failure is tried again an hour later. */
async function keepHouse(
  stores: Stores,
  rows: OpenedReadStore,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  try {
    const expired = await stores.journal.events.expire("traffic", clock.now() - trafficRetentionMs);
    if (expired > 0) await rows.dropExpired();
    const freed = await stores.journal.bodies.free(bodyGraceMs);
    if (expired > 0 || freed.bodies > 0)
      log.info({ expired, ...freed }, "expired traffic dropped, unused bodies freed");
  } catch (error) {
    log.warn({ err: error }, "housekeeping failed, it is tried again in an hour");
  }
}
