import { chmodSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "@mailfold/kernel";
import type { GreylistEntry, GreylistStore } from "./greylist.ts";
import { oldestMinute } from "./hourly-counts.ts";
import type { CountsStore } from "./recipient-counters.ts";

const schema = `
CREATE TABLE IF NOT EXISTS greylist (
  key BLOB PRIMARY KEY, first_seen INTEGER NOT NULL, passed INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS greylist_by_expiry ON greylist (expires);
CREATE TABLE IF NOT EXISTS recipients (
  key TEXT NOT NULL, minute INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (key, minute)
) WITHOUT ROWID;
PRAGMA user_version = 1;`;

const statements = {
  get: "SELECT first_seen, passed, expires FROM greylist WHERE key = ?",
  put: `INSERT INTO greylist (key, first_seen, passed, expires) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET first_seen = excluded.first_seen, passed = excluded.passed, expires = excluded.expires`,
  expire: "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
  evict: "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist ORDER BY expires LIMIT ?)",
  size: "SELECT count(*) AS entries FROM greylist",
  load: "SELECT key, minute, count FROM recipients WHERE minute >= ?",
  add: `INSERT INTO recipients (key, minute, count) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count`,
  forget: "DELETE FROM recipients WHERE minute < ?",
} as const;

type Statements = { readonly [Name in keyof typeof statements]: ReturnType<DatabaseSync["prepare"]> };

export interface EdgeMemoryOptions {
  readonly clock: Clock;
  /** Told what the file could not do; mail goes on without it. */
  readonly onFault: (error: unknown) => void;
  /** Most combinations kept (about 80 octets each); beyond it those that expire first go. Default 1,000,000. */
  readonly entriesMax?: number;
  /** How often changes are written. Default 500 ms. */
  readonly writeIntervalMs?: number;
}

/** What the SMTP edge remembers over restarts: greylisting and the recipients of the last hour. */
export interface EdgeMemory {
  readonly greylist: GreylistStore;
  readonly counts: CountsStore;
  /** Writes what is left, then closes the file. */
  close(): void;
}

const rowsPerWriteMax = 500;
const pendingMax = 20_000;
const pruneEveryMs = 60_000;
const prunedMax = 2_000;

/**
 * One SQLite file (0600), owned by one process. Changes are written in small batches beside the sessions and not fsynced: the
 * loss of the last second makes a sender wait once more. A file that cannot be read is begun anew.
 */
export function openEdgeMemory(path: string, options: EdgeMemoryOptions): EdgeMemory {
  try {
    return new EdgeMemoryFile(path, options);
  } catch (error) {
    options.onFault(error);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    return new EdgeMemoryFile(path, options);
  }
}

class EdgeMemoryFile implements EdgeMemory {
  private readonly db: DatabaseSync;
  private readonly prepared: Statements;
  private readonly options: EdgeMemoryOptions;
  private readonly entries = new Map<string, GreylistEntry>();
  private readonly recipients = new Map<string, { readonly key: string; readonly minute: number; count: number }>();
  private readonly timer: NodeJS.Timeout;
  private entryCount: number;
  private prunedAt = 0;

  constructor(path: string, options: EdgeMemoryOptions) {
    this.options = options;
    this.db = new DatabaseSync(path, { timeout: 50 });
    try {
      this.db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000");
      this.db.exec(schema);
      chmodSync(path, 0o600);
      this.prepared = Object.fromEntries(
        Object.entries(statements).map(([name, sql]) => [name, this.db.prepare(sql)]),
      ) as unknown as Statements;
      this.entryCount = Number(this.prepared.size.get()?.entries);
    } catch (error) {
      this.db.close();
      throw error;
    }
    this.timer = setInterval(() => this.write(rowsPerWriteMax), options.writeIntervalMs ?? 500);
    this.timer.unref();
  }

  readonly greylist: GreylistStore = {
    get: (key) => this.entries.get(key) ?? this.read(key),
    put: (key, entry) => {
      this.entries.delete(key);
      // A flood beyond what can be written: the oldest of it waits once more.
      for (const oldest of this.entries.keys()) {
        if (this.entries.size < pendingMax) break;
        this.entries.delete(oldest);
      }
      this.entries.set(key, entry);
    },
  };

  readonly counts: CountsStore = {
    load: (at) => {
      const rows = this.prepared.load.all(oldestMinute(at));
      return rows.map((row) => ({ key: String(row.key), minute: Number(row.minute), count: Number(row.count) }));
    },
    add: (key, minute) => {
      const known = this.recipients.get(`${minute} ${key}`);
      if (known !== undefined) known.count += 1;
      else if (this.recipients.size < pendingMax) this.recipients.set(`${minute} ${key}`, { key, minute, count: 1 });
    },
  };

  close(): void {
    clearInterval(this.timer);
    this.write(Number.POSITIVE_INFINITY);
    this.db.close();
  }

  private read(key: string): GreylistEntry | undefined {
    try {
      const row = this.prepared.get.get(Buffer.from(key, "hex"));
      if (row === undefined) return undefined;
      return { firstSeenAt: Number(row.first_seen), isPassed: row.passed === 1, expiresAt: Number(row.expires) };
    } catch (error) {
      this.options.onFault(error);
      return undefined;
    }
  }

  /** One transaction of at most so many rows; what could not be written is tried again. */
  private write(rowsMax: number): void {
    const now = this.options.clock.now();
    const isPruning = now - this.prunedAt >= pruneEveryMs;
    const entries = [...this.entries].slice(0, rowsMax);
    const recipients = [...this.recipients].slice(0, rowsMax);
    if (entries.length === 0 && recipients.length === 0 && !isPruning) return;
    try {
      this.db.exec("BEGIN IMMEDIATE");
      for (const [key, { firstSeenAt, isPassed, expiresAt }] of entries) {
        this.prepared.put.run(Buffer.from(key, "hex"), firstSeenAt, isPassed ? 1 : 0, expiresAt);
      }
      for (const [, { key, minute, count }] of recipients) this.prepared.add.run(key, minute, count);
      // Only an upper bound, as some replaced a row: it is counted again before anything goes for it.
      this.entryCount += entries.length;
      if (isPruning || this.entryCount > this.entriesMax) this.prune(now);
      this.db.exec("COMMIT");
    } catch (error) {
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      this.options.onFault(error);
      return;
    }
    for (const [key] of entries) this.entries.delete(key);
    for (const [key] of recipients) this.recipients.delete(key);
  }

  private get entriesMax(): number {
    return this.options.entriesMax ?? 1_000_000;
  }

  private prune(now: number): void {
    this.prunedAt = now;
    this.entryCount -= Number(this.prepared.expire.run(now, prunedMax).changes);
    this.prepared.forget.run(oldestMinute(now));
    if (this.entryCount <= this.entriesMax) return;
    this.entryCount = Number(this.prepared.size.get()?.entries);
    const excess = this.entryCount - this.entriesMax;
    // A batch more than needed, so that not every write has to count.
    if (excess > 0) this.entryCount -= Number(this.prepared.evict.run(excess + rowsPerWriteMax).changes);
  }
}
