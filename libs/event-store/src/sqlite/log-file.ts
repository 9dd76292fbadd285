import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { EventStoreFault } from "../port.ts";
import { fixedTables, logApplicationId, logDdl, logSchemaVersion } from "./log-schema.ts";
import { corruptLog, toFault } from "./sqlite-faults.ts";

/** Up to this size the whole file is checked at every start; larger ones are probed, and `verify` reads them whole. */
const quickCheckBytesMax = 32 * 1024 * 1024;
const walCheckpointPages = 4_000;
const walBytesKept = 64 * 1024 * 1024;
/** Beyond these the system's page cache serves: a page of a connection's own is memory that never comes back. */
const writerCacheKib = 16_384;
const readerCacheKib = 4_096;

/** fsyncs a directory, so that a name made in it survives power loss. */
export function syncDirectory(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Opens the log for writing; makes it first when there is none. Refuses what is not a whole log of this version.
 * @throws EventStoreFault corrupt | unavailable, naming the file and what to do
 */
export function openLogForWriting(path: string): DatabaseSync {
  try {
    checkLogHeader(path);
    if (!existsSync(path)) createLogFile(path);
    return openChecked(path);
  } catch (error) {
    throw toFault(error, path) ?? toFileFault(error, path);
  }
}

/** Opens a read-only connection; the log must have been opened for writing before. */
export function openLogForReading(path: string): DatabaseSync {
  try {
    checkLogHeader(path);
    const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    db.exec(`PRAGMA cache_size = -${readerCacheKib}`);
    return db;
  } catch (error) {
    throw toFault(error, path) ?? toFileFault(error, path);
  }
}

/** Looks at the first 100 bytes, before SQLite does: a foreign file must never be written to. */
function checkLogHeader(path: string): void {
  const walPath = `${path}-wal`;
  if (!existsSync(path)) {
    // A new file beside an old write-ahead log would swallow its pages.
    if (existsSync(walPath) && statSync(walPath).size > 0) throw corruptLog(path, `is missing, but ${walPath} exists`);
    return;
  }
  const header = Buffer.alloc(100);
  const handle = openSync(path, "r");
  let bytesRead: number;
  try {
    bytesRead = readSync(handle, header, 0, 100, 0);
  } finally {
    closeSync(handle);
  }
  if (bytesRead < 100) throw corruptLog(path, "is cut short");
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw corruptLog(path, "is not a Mailfold log");
  if (header.readInt32BE(68) !== logApplicationId) throw corruptLog(path, "is another program's database");
  const version = header.readInt32BE(60);
  if (version > logSchemaVersion) {
    throw new EventStoreFault("corrupt", `${path} was made by a newer Mailfold (format ${version}): upgrade first`);
  }
}

/** Made under another name and renamed, so that a file called log.db is always a whole one. */
function createLogFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  for (const leftover of [draft, `${draft}-journal`]) rmSync(leftover, { force: true });
  const db = new DatabaseSync(draft);
  try {
    db.exec(`PRAGMA synchronous = FULL; PRAGMA application_id = ${logApplicationId}`);
    db.exec(`BEGIN; PRAGMA user_version = ${logSchemaVersion}; ${logDdl.join(";")}`);
    db.exec("INSERT INTO log VALUES (1, '', 0, 0, 1); COMMIT");
  } finally {
    db.close();
  }
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

function openChecked(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 2_000 });
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    db.exec(`PRAGMA wal_autocheckpoint = ${walCheckpointPages}; PRAGMA journal_size_limit = ${walBytesKept}`);
    db.exec(`PRAGMA cache_size = -${writerCacheKib}; PRAGMA foreign_keys = OFF`);
    const mode = db.prepare("PRAGMA journal_mode").get() as { journal_mode: string };
    if (mode.journal_mode !== "wal") throw corruptLog(path, "cannot be put in write-ahead mode");
    // With the write-ahead log emptied into it, the file's length must be what its first page says.
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    checkWhole(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function checkWhole(db: DatabaseSync, path: string): void {
  const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
  const { page_size: pageBytes } = db.prepare("PRAGMA page_size").get() as { page_size: number };
  const sizeBytes = statSync(path).size;
  if (sizeBytes < pages * pageBytes) {
    throw corruptLog(path, `is cut short (${sizeBytes} of ${pages * pageBytes} bytes)`);
  }
  if (sizeBytes <= quickCheckBytesMax) {
    const { quick_check: verdict } = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (verdict !== "ok") throw corruptLog(path, `is damaged (${verdict})`);
  }
  const log = db.prepare("SELECT head FROM log").get() as { head: number } | undefined;
  if (log === undefined) throw corruptLog(path, "has lost its head");
  for (const table of Object.values(fixedTables)) {
    const { last } = db.prepare(`SELECT max(pos) AS last FROM ${table}`).get() as { last: number | null };
    if ((last ?? 0) > log.head) throw corruptLog(path, `has events beyond its head in ${table}`);
  }
}

function toFileFault(error: unknown, path: string): unknown {
  const { code } = error as { code?: unknown };
  if (code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "ENOTDIR" || code === "EISDIR") {
    return new EventStoreFault("unavailable", `${path}: the log cannot be opened (${code})`, { cause: error });
  }
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new EventStoreFault("unavailable", `${path}: no space left for the log (${code})`, { cause: error });
  }
  return error;
}
