import { chmodSync, closeSync, openSync, rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Position } from "@mailfold/kernel";
import { type SnapshotPart, snapshotVersion } from "@mailfold/reputation";
import type { SendersByVerdict } from "./evidence-of-event.ts";
import type { SenderOfMail, TrustedBy } from "./sender-of-mail.ts";

/** The last event that a state has folded, as the log finds it again. */
export interface FoldedTo {
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
}
/** A state of the fold and how far into the log it goes. */
interface SavedFold {
  readonly position: Position;
  /** Absent before the first event. */
  readonly foldedTo?: FoldedTo;
  /** When the newest checkpoint was written, ms since the epoch. */
  readonly checkpointAt?: number;
  readonly parts: Iterable<SnapshotPart>;
}

/**
 * DATA/reputation.db: the fold's state with its place in the log, changed together, and the senders of mail that was taken.
 * A sender may be there before its verdict is folded (the process died between): it is found by later events alone. For one
 * writer; faults throw.
 */
export interface ReputationStore extends SendersByVerdict {
  /** Undefined where there is nothing yet. */
  saved(): SavedFold | undefined;
  /** Keeps a state. Senders of mail from before `sendersSince` go, some with each call. */
  save(fold: SavedFold, sendersSince: number): void;
  close(): void;
}

export interface OpenedReputationStore {
  readonly store: ReputationStore;
  /** Why what was there could not be used: the store is empty. */
  readonly rebuilt?: string;
}

/** Raise with the tables, and when the same log would lead to another state. */
const tablesVersion = 1;
const format = `${tablesVersion}.${snapshotVersion}`;
/** Senders held back before they are written together. */
const sendersHeldMax = 2_000;
const expireRowsMax = 5_000;

const schema = `
CREATE TABLE IF NOT EXISTS fold (
  id INTEGER PRIMARY KEY CHECK (id = 1), format TEXT NOT NULL, epoch TEXT NOT NULL, position TEXT, folded TEXT, checkpoint INTEGER
);
CREATE TABLE IF NOT EXISTS snapshot (part INTEGER PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sender (
  verdict TEXT PRIMARY KEY, at INTEGER NOT NULL, ip TEXT NOT NULL, trusted TEXT, origin TEXT, domain TEXT, author TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sender_by_time ON sender (at);`;

/** Opens the file; one that is corrupt, of another format or of another log's history is begun anew, as with `fresh`. */
export function openReputationStore(path: string, epoch: string, fresh = false): OpenedReputationStore {
  let rebuilt = fresh ? "it was found corrupt" : undefined;
  if (!fresh) {
    try {
      const db = openDatabase(path);
      try {
        rebuilt = problemOf(db, epoch);
      } catch (error) {
        db.close();
        throw error;
      }
      if (rebuilt === undefined) return { store: new SqliteReputationStore(db) };
      db.close();
    } catch (error) {
      if (!isBrokenFile(error)) throw error;
      rebuilt = (error as Error).message;
    }
  }
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  const db = openDatabase(path);
  problemOf(db, epoch);
  return { store: new SqliteReputationStore(db), ...(rebuilt === undefined ? {} : { rebuilt }) };
}

/** Whether a fault says that the file itself is broken (SQLITE_CORRUPT, SQLITE_NOTADB). */
export function isBrokenFile(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: unknown };
  return typeof errcode === "number" && [11, 26].includes(errcode & 0xff);
}

function openDatabase(path: string): DatabaseSync {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    // A crash of the machine may lose the last states: what they held is folded again.
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function problemOf(db: DatabaseSync, epoch: string): string | undefined {
  db.exec(schema);
  db.prepare("INSERT INTO fold (id, format, epoch) VALUES (1, ?, ?) ON CONFLICT DO NOTHING").run(format, epoch);
  const row = db.prepare("SELECT format, epoch FROM fold").get();
  if (row?.format !== format) return "it is of another version";
  return row.epoch === epoch ? undefined : "it was learned from another log";
}

class SqliteReputationStore implements ReputationStore {
  readonly #db: DatabaseSync;
  readonly #held = new Map<string, SenderOfMail>();
  readonly #sql: Readonly<
    Record<"fold" | "parts" | "keep" | "part" | "clear" | "get" | "put" | "expire", StatementSync>
  >;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = {
      fold: db.prepare("SELECT position, folded, checkpoint FROM fold WHERE position IS NOT NULL"),
      parts: db.prepare("SELECT json FROM snapshot ORDER BY part"),
      keep: db.prepare("UPDATE fold SET position = ?, folded = ?, checkpoint = ?"),
      part: db.prepare("INSERT INTO snapshot (part, json) VALUES (?, ?)"),
      clear: db.prepare("DELETE FROM snapshot"),
      get: db.prepare("SELECT at, ip, trusted, origin, domain, author FROM sender WHERE verdict = ?"),
      put: db.prepare("INSERT OR REPLACE INTO sender VALUES (?, ?, ?, ?, ?, ?, ?)"),
      expire: db.prepare(
        "DELETE FROM sender WHERE verdict IN (SELECT verdict FROM sender WHERE at < ? ORDER BY at LIMIT ?)",
      ),
    };
  }

  get(verdictId: string): SenderOfMail | undefined {
    const held = this.#held.get(verdictId);
    if (held !== undefined) return held;
    const row = this.#sql.get.get(verdictId);
    if (row === undefined) return undefined;
    const { at, author, domain, ip, origin, trusted } = row;
    return {
      at: Number(at),
      ip: String(ip),
      ...(trusted === null ? {} : { trustedBy: trusted as TrustedBy }),
      ...(origin === null ? {} : { originIp: String(origin) }),
      ...(domain === null ? {} : { alignedDomain: String(domain) }),
      ...(author === null ? {} : { sender: String(author) }),
    };
  }

  put(verdictId: string, sender: SenderOfMail): void {
    this.#held.set(verdictId, sender);
    if (this.#held.size >= sendersHeldMax) this.#inTransaction(() => this.#writeHeld());
  }

  saved(): SavedFold | undefined {
    const row = this.#sql.fold.get();
    if (row === undefined) return undefined;
    return {
      position: row.position as Position,
      ...(row.folded === null ? {} : { foldedTo: JSON.parse(String(row.folded)) as FoldedTo }),
      ...(row.checkpoint === null ? {} : { checkpointAt: Number(row.checkpoint) }),
      parts: this.#parts(),
    };
  }

  *#parts(): Generator<SnapshotPart> {
    for (const row of this.#sql.parts.iterate()) yield JSON.parse(String(row.json)) as SnapshotPart;
  }

  save({ position, foldedTo, checkpointAt, parts }: SavedFold, sendersSince: number): void {
    this.#inTransaction(() => {
      this.#writeHeld();
      this.#sql.clear.run();
      let number = 0;
      for (const part of parts) this.#sql.part.run(number++, JSON.stringify(part));
      this.#sql.keep.run(position, foldedTo === undefined ? null : JSON.stringify(foldedTo), checkpointAt ?? null);
      this.#sql.expire.run(Math.floor(sendersSince), expireRowsMax);
    });
  }

  close(): void {
    this.#db.close();
  }

  #writeHeld(): void {
    for (const [verdictId, { alignedDomain, at, ip, originIp, sender, trustedBy }] of this.#held) {
      this.#sql.put.run(verdictId, at, ip, trustedBy ?? null, originIp ?? null, alignedDomain ?? null, sender ?? null);
    }
    this.#held.clear();
  }

  #inTransaction(work: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}
