import { chmodSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Position, TableSpec } from "@mailfold/kernel";
import { createTables, dropTables, type TableSet } from "./table-sql.ts";

/** One stored build of a projection's rows. */
export interface StoredBuild {
  readonly set: TableSet;
  readonly version: number;
  readonly checkpoint: Position;
  /** Served to readers; the other, if any, is being built beside it. */
  readonly active: boolean;
}

const schema = `
CREATE TABLE IF NOT EXISTS views_meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS projection_builds (
  name TEXT NOT NULL, label TEXT NOT NULL, version INTEGER NOT NULL, checkpoint TEXT NOT NULL, active INTEGER NOT NULL,
  tables TEXT NOT NULL, PRIMARY KEY (name, label)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fold_snapshots (
  fold TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, revision INTEGER NOT NULL, restored_at INTEGER NOT NULL,
  bytes BLOB NOT NULL, PRIMARY KEY (fold, key)
);`;

/** SQLite result codes that mean the file is not a healthy database. */
const brokenFile: ReadonlySet<number> = new Set([11, 26]);

/** The primary SQLite result code of an error, or undefined when it did not come from SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** Opens views.db for writing. Rows are derived: a broken file, or one of another log's epoch, is replaced by an empty one. */
export function openViews(path: string, epoch: string | undefined): DatabaseSync {
  try {
    return openOf(path, epoch) ?? replaced(path, epoch);
  } catch (error) {
    if (!brokenFile.has(sqliteCode(error) ?? 0)) throw error;
    return replaced(path, epoch);
  }
}

function replaced(path: string, epoch: string | undefined): DatabaseSync {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  const db = openOf(path, epoch);
  if (db === undefined) throw new Error(`${path} changed while it was being opened`);
  return db;
}

function openOf(path: string, epoch: string | undefined): DatabaseSync | undefined {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    // Power loss may roll rows and checkpoint back together; the log fills them in again.
    db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864",
    );
    db.exec(schema);
    if (path !== ":memory:") chmodSync(path, 0o600);
    const stored = db.prepare("SELECT value FROM views_meta WHERE name = 'epoch'").get()?.value;
    if (epoch !== undefined && stored !== undefined && stored !== epoch) {
      db.close();
      return undefined;
    }
    if (epoch !== undefined) db.prepare("INSERT OR REPLACE INTO views_meta VALUES ('epoch', ?)").run(epoch);
    return db;
  } catch (error) {
    if (db.isOpen) db.close();
    throw error;
  }
}

/** All builds on disk. */
export function readBuilds(db: DatabaseSync): readonly StoredBuild[] {
  return db
    .prepare("SELECT name, label, version, checkpoint, active, tables FROM projection_builds")
    .all()
    .map((row) => ({
      set: {
        projection: String(row.name),
        label: String(row.label),
        tables: JSON.parse(String(row.tables)) as readonly TableSpec[],
      },
      version: Number(row.version),
      checkpoint: String(row.checkpoint) as Position,
      active: row.active === 1,
    }));
}

/** Makes a build's tables and its entry, in one transaction. */
export function createBuild(db: DatabaseSync, build: StoredBuild): void {
  inTransaction(db, () => {
    const { projection, label, tables } = build.set;
    createTables(db, build.set);
    db.prepare("INSERT INTO projection_builds VALUES (?, ?, ?, ?, ?, ?)").run(
      projection,
      label,
      build.version,
      build.checkpoint,
      build.active ? 1 : 0,
      JSON.stringify(tables),
    );
  });
}

/** Drops a build's tables and entry; the caller may hold a transaction. */
export function dropBuild(db: DatabaseSync, set: TableSet): void {
  dropTables(db, set);
  db.prepare("DELETE FROM projection_builds WHERE name = ? AND label = ?").run(set.projection, set.label);
}

/** Runs work in one transaction; rolls back and rethrows when it throws. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    // SQLite has already rolled back after some errors (full disk).
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
