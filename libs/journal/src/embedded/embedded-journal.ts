import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BodyWriter } from "@mailfold/blob-store";
import { EmbeddedBlobStore } from "@mailfold/blob-store";
import type { AppendResult, SqliteEventStoreOptions } from "@mailfold/event-store";
import { EventStoreFault, openSqliteEventStore, type SqliteEventStore } from "@mailfold/event-store";
import { openLogForReading } from "@mailfold/event-store/writer";
import type { EventCodec } from "@mailfold/events";
import type { Clock } from "@mailfold/kernel";
import { assert } from "@mailfold/kernel";
import type { Commit, Journal } from "../port.ts";
import type { BackupManifest } from "./backup.ts";
import { backUp } from "./backup.ts";
import { bodiesPath, dataNames, logPath } from "./data-layout.ts";
import type { DataLock } from "./data-lock.ts";
import { acquireDataLock } from "./data-lock.ts";

/** How to open the embedded stores. */
export interface EmbeddedJournalOptions {
  readonly dataDir: string;
  readonly codec: EventCodec;
  readonly clock: Clock;
  /** A lock that the caller holds already and releases itself; without it the journal takes and releases its own. */
  readonly lock?: DataLock;
  readonly limits?: NonNullable<SqliteEventStoreOptions["limits"]>;
  /** Called once when the log can take nothing more: stop the process. */
  readonly onFatal?: SqliteEventStoreOptions["onFatal"];
}

/** The default journal: log, bodies and holds in one SQLite file, one transaction per group of commits. */
export interface EmbeddedJournal extends Journal {
  readonly events: SqliteEventStore;
  readonly bodies: EmbeddedBlobStore;
  /** The log's file, for readers on other threads (`openSqliteLogReader`). */
  readonly logPath: string;
  /** Copies everything to an empty or missing directory while mail flows. Complete once manifest.json is there. */
  backup(targetDir: string): Promise<BackupManifest>;
}

/**
 * Opens log and bodies of a data directory, making them when missing.
 * @throws EventStoreFault unavailable (in use, not writable, no space) | corrupt, naming the file and what to do
 */
export async function openEmbeddedJournal(options: EmbeddedJournalOptions): Promise<EmbeddedJournal> {
  const { dataDir, codec, clock } = options;
  const lock = options.lock ?? acquireDataLock(dataDir);
  const releaseOwn = (): void => {
    if (options.lock === undefined) lock.release();
  };
  let events: SqliteEventStore | undefined;
  try {
    refuseHalfRestored(dataDir);
    const bodiesDir = bodiesPath(dataDir);
    mkdirSync(bodiesDir, { recursive: true, mode: 0o700 });
    events = await openSqliteEventStore({
      path: logPath(dataDir),
      codec,
      clock,
      workerUrl: new URL("./journal-worker.ts", import.meta.url),
      workerSettings: { bodiesDir },
      onFatal: options.onFatal,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    const db = openLogForReading(logPath(dataDir));
    const bodies = new EmbeddedBlobStore({ db, bodiesDir, clock, writer: bodyWriter(events) });
    return new SqliteJournal({ dataDir, events, bodies, releaseOwn });
  } catch (error) {
    await events?.close();
    releaseOwn();
    throw error;
  }
}

function refuseHalfRestored(dataDir: string): void {
  if (existsSync(join(dataDir, dataNames.restorePending))) {
    throw new EventStoreFault("corrupt", `${dataDir} is half restored: run \`mailfold restore\` again`);
  }
}

function bodyWriter(events: SqliteEventStore): BodyWriter {
  return {
    change: async (payload, bytes) => {
      let answer: string | undefined;
      await events.appendWith([], { payload, bytes }, (result) => {
        answer = result;
      });
      return answer;
    },
    task: (name, argument) => events.writer.task(name, argument),
  };
}

class SqliteJournal implements EmbeddedJournal {
  readonly events: SqliteEventStore;
  readonly bodies: EmbeddedBlobStore;
  readonly logPath: string;
  readonly #dataDir: string;
  readonly #releaseOwn: () => void;

  constructor(parts: {
    readonly dataDir: string;
    readonly events: SqliteEventStore;
    readonly bodies: EmbeddedBlobStore;
    readonly releaseOwn: () => void;
  }) {
    this.events = parts.events;
    this.bodies = parts.bodies;
    this.logPath = logPath(parts.dataDir);
    this.#dataDir = parts.dataDir;
    this.#releaseOwn = parts.releaseOwn;
  }

  async commit(commit: Commit): Promise<AppendResult> {
    const { bodies = [], appends, holds = [] } = commit;
    assert(appends.length > 0, "a commit has at least one append");
    if (bodies.length === 0 && holds.length === 0) return this.events.append(appends);
    const prepared = await this.bodies.prepare(bodies, holds);
    let superfluous: string | undefined;
    const { payload, bytes, files } = prepared;
    const result = await this.events.appendWith(appends, { payload, bytes }, (answer) => {
      superfluous = answer;
    });
    // A conflict or a replay wrote no body. After a fault nobody knows, and the sweep of orphans decides.
    const drop =
      !result.ok || result.replayed ? this.bodies.dropFiles(files) : this.bodies.dropSuperfluous(superfluous);
    // A file that cannot be removed now must not turn what is durable into a failure: the sweep takes it, too.
    await drop.catch(() => undefined);
    return result;
  }

  async backup(targetDir: string): Promise<BackupManifest> {
    return backUp({ dataDir: this.#dataDir, targetDir, events: this.events, bodies: this.bodies });
  }

  async close(): Promise<void> {
    await this.events.close();
    await this.bodies.close();
    this.#releaseOwn();
  }
}
