import { join } from "node:path";
import type { SimulationEngine } from "@mailfold/app-api";
import { createDnsResolver, type DnsResolver } from "@mailfold/dns";
import { createEventCodec } from "@mailfold/events";
import type { Journal } from "@mailfold/journal";
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
import type { RspamdClient } from "@mailfold/scanners";
import { createMetrics, type Logger, type Metrics } from "@mailfold/telemetry";
import type { Config } from "./config.ts";
import { type ContentParts, openContentParts, rspamdClient } from "./content-parts.ts";
import { watchDecidingViews } from "./deciding-views.ts";
import { startHousekeeping } from "./keep-house.ts";
import { startLearning } from "./learning/learn-from-marks.ts";
import { createRspamdTeacher } from "./learning/teach-rspamd.ts";
import { createTenantClassifier, type TenantClassifier } from "./learning/tenant-classifier.ts";
import { loadPolicy } from "./load-policy.ts";
import { readFoldWorld } from "./log-world.ts";
import { type PolicyFeed, startPolicyFeed } from "./policy-feed.ts";
import type { ProjectorConfig } from "./projector-module.ts";
import { startReputation } from "./reputation/learn-reputation.ts";
import { startSimulations } from "./simulation/simulation-thread.ts";
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
  /** What messages are looked at with, and what sending them on needs. */
  readonly contentParts: ContentParts;
  /** Learns by itself from what users mark. */
  readonly classifier: TenantClassifier;
  readonly resolver: DnsResolver;
  /** Tries changes on recorded traffic. */
  readonly simulations: SimulationEngine;
  /** True once directory and policy hold all that was in the log at start, and while neither is stuck, nor the log. */
  viewsReady(): boolean;
  /** Waits for directory and policy; what a receipt waits for. */
  waitForViews(position: Position, timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens stores, views, policy and pools. `onFatal` = something that only a restart mends. */
export async function openPlatformParts(
  input: Pick<PlatformParts, "config" | "dataDir" | "log">,
  onFatal: (error: Error) => void,
): Promise<PlatformParts> {
  const { config, dataDir, log } = input;
  let failed = false;
  const fail = (error: Error) => {
    failed = true;
    onFatal(error);
  };
  const clock: Clock = { now: Date.now };
  const keys = openKeys({ dir: join(dataDir, "keys") });
  const stores = await openStores({ config, dataDir, codec: createEventCodec(keys), clock, log, onFatal: fail });
  const { journal } = stores;
  const rows = await openRows({ dataDir, clock, log, journal, eventStore: config.eventStore }, fail);
  const startHead = await journal.events.head();
  const directory = openDirectory(rows);
  const policy = startPolicyFeed(journal.events, await loadPolicy(rows, clock), (fault) =>
    log.warn({ fault }, "the policy feed is being retried"),
  );
  const folds = openFoldRunner({
    fold: foldersFold,
    source: journal.events,
    snapshots: rows.snapshots,
    world: await readFoldWorld(journal.events),
    onFault: (fault) => log.warn({ fault }, "the folder feed is being retried"),
  });
  const passwords = createPasswordPool();
  const mime = createMimePool({ threads: 1, timeoutMs: 10_000 });
  const metrics = createMetrics();
  const rspamd = rspamdClient(config);
  const learned = openClassifier({ config, dataDir, journal, clock, log, metrics, rspamd, keys });
  const resolver = createDnsResolver(config.dns === undefined ? {} : { server: config.dns });
  const { classifier } = learned;
  const contentParts = await openContentParts({ ...input, keys, clock, metrics, policy, resolver, classifier, rspamd });
  const deciding = watchDecidingViews(rows, startHead);
  const { eventStore } = config;
  const events = journal.events;
  const reputation = startReputation({ events, sealer: keys, clock, log, metrics, dataDir, eventStore });
  const simulations = startSimulations({ log, dataDir, eventStore });
  const housekeeping = startHousekeeping({ journal, rows, clock, log, learnedUntil: reputation.learnedUntil });
  return {
    ...input,
    clock,
    metrics,
    keys,
    stores,
    rows,
    directory,
    policy,
    folds,
    passwords,
    mime,
    classifier,
    contentParts,
    resolver,
    simulations,
    viewsReady: () => !failed && policy.ready() && deciding.ready(),
    async waitForViews(position, timeoutMs) {
      const [views, policies] = await Promise.all([
        rows.waitFor(position, { projections: decidingViews, timeoutMs }),
        policy.waitFor(position, timeoutMs),
      ]);
      return views && policies;
    },
    async close() {
      deciding.close();
      await Promise.all([housekeeping.close(), learned.close(), reputation.close(), simulations.close()]);
      await policy.close();
      await folds.close();
      await rows.close();
      await Promise.all([passwords.close(), mime.close(), contentParts.close()]);
      await stores.close();
    },
  };
}

/** The views, kept by a thread of their own. */
function openRows(
  input: Pick<PlatformParts, "dataDir" | "clock" | "log"> & ProjectorConfig & { readonly journal: Journal },
  onDied: (error: Error) => void,
): Promise<OpenedReadStore> {
  const { dataDir, clock, log, journal, eventStore } = input;
  const projectorConfig: ProjectorConfig = { dataDir, eventStore };
  return openReadStore({
    path: join(dataDir, "views.db"),
    clock,
    projector: { moduleUrl: new URL("./projector-module.ts", import.meta.url), config: projectorConfig },
    onFault: (fault) => log.warn({ fault }, "a view is being retried"),
    onDied,
    onBodies(stream, refs, upToRevision) {
      journal.bodies
        .setHeld(stream, refs, { upToRevision })
        .catch((error: unknown) => log.warn({ err: error }, "held bodies could not be noted"));
    },
  });
}

/** The directory with what its mailboxes use, current as the views are. */
function openDirectory(rows: OpenedReadStore): Directory {
  const usedBytes = cachedUsedBytes(usedBytesFrom(rows, mailboxUsageProjection));
  const directory = createDirectory(rows, usedBytes.of);
  rows.onAdvance((projection) => {
    if (projection === directoryProjection.name) directory.invalidate();
    else if (projection === mailboxUsageProjection.name) usedBytes.invalidate();
  });
  return directory;
}

/** The classifier and what teaches it; both stand on their own: without them mail is judged by the rest. */
function openClassifier(
  input: Pick<PlatformParts, "config" | "dataDir" | "clock" | "log" | "metrics" | "keys"> & {
    readonly journal: Journal;
    readonly rspamd: RspamdClient | undefined;
  },
) {
  const { config, dataDir, clock, log, metrics, keys, journal, rspamd } = input;
  const isTaught = rspamd !== undefined && config.rspamdController !== undefined;
  const path = join(dataDir, "classifier.db");
  const classifier = createTenantClassifier(path, (error) =>
    log.warn({ err: error }, "the classifier's file cannot be read"),
  );
  const learning = startLearning({
    events: journal.events,
    bodies: journal.bodies,
    clock,
    log,
    metrics,
    path,
    onRebuilt: () => classifier.reopen(),
    isErased: (tenantId) => !keys.hasScope(tenantId),
    ...(isTaught ? { rspamd: createRspamdTeacher(rspamd, metrics) } : {}),
  });
  return {
    classifier,
    async close() {
      await learning.close();
      classifier.close();
    },
  };
}
