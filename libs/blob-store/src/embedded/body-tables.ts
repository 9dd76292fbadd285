import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Tables of message bodies in the log's file. Small bodies are rows, larger ones files named by `file`. */
const bodyDdl = [
  `CREATE TABLE IF NOT EXISTS bodies (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    sha TEXT NOT NULL,
    size INTEGER NOT NULL,
    file TEXT,
    holders INTEGER NOT NULL,
    unheld_since INTEGER,
    UNIQUE (tenant, sha)
  ) STRICT`,
  "CREATE INDEX IF NOT EXISTS bodies_unheld ON bodies (unheld_since) WHERE unheld_since IS NOT NULL",
  "CREATE TABLE IF NOT EXISTS body_bytes (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
  "CREATE TABLE IF NOT EXISTS body_index (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT",
  `CREATE TABLE IF NOT EXISTS holds (
    stream TEXT NOT NULL,
    body INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (stream, body)
  ) STRICT, WITHOUT ROWID`,
] as const;

/** A body's key. */
export type BodyKey = readonly [tenantId: string, sha256: string];

/** What the writer is asked to do with bodies, as JSON text between threads. */
export type BodyChange =
  | {
      readonly op: "commit";
      /** Ms since the epoch. */
      readonly now: number;
      /** Those without `file` have their bytes, in this order, in the request's buffer. */
      readonly bodies: readonly { readonly key: BodyKey; readonly sizeBytes: number; readonly file?: string }[];
      readonly holds: readonly { readonly stream: string; readonly key: BodyKey }[];
    }
  | {
      readonly op: "setHeld";
      readonly now: number;
      readonly stream: string;
      readonly keys: readonly BodyKey[];
      /** Holds of later revisions are left alone. */
      readonly upToRevision: number | undefined;
    }
  | { readonly op: "writeIndex"; readonly key: BodyKey; readonly json: string };

/** Bodies freed in one step. */
export interface FreedBodies {
  readonly bodies: number;
  readonly bytes: number;
  /** Files that no row names any more; to be unlinked after the commit. */
  readonly files: readonly string[];
}

interface BodyRow {
  readonly id: number;
  readonly holders: number;
  readonly file: string | null;
}

/** The writer's work on bodies: synchronous, inside the transaction of the commit it belongs to. */
export class BodyTables {
  readonly #db: DatabaseSync;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #insertBytes: StatementSync;
  readonly #touch: StatementSync;
  readonly #hold: StatementSync;
  readonly #putHold: StatementSync;
  readonly #deleteHold: StatementSync;
  readonly #holdsOf: StatementSync;
  readonly #addHolder: StatementSync;
  readonly #dropHolder: StatementSync;
  readonly #putIndex: StatementSync;

  /** Makes the tables where missing; inside a transaction. */
  constructor(db: DatabaseSync) {
    for (const statement of bodyDdl) db.exec(statement);
    this.#db = db;
    this.#find = db.prepare("SELECT id, holders, file FROM bodies WHERE tenant = ? AND sha = ?");
    this.#insert = db.prepare(
      "INSERT INTO bodies (tenant, sha, size, file, holders, unheld_since) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#insertBytes = db.prepare("INSERT INTO body_bytes (id, bytes) VALUES (?, ?)");
    this.#touch = db.prepare("UPDATE bodies SET unheld_since = ? WHERE id = ? AND holders = 0");
    this.#hold = db.prepare("SELECT revision FROM holds WHERE stream = ? AND body = ?");
    this.#putHold = db.prepare("INSERT OR REPLACE INTO holds (stream, body, revision) VALUES (?, ?, ?)");
    this.#deleteHold = db.prepare("DELETE FROM holds WHERE stream = ? AND body = ?");
    this.#holdsOf = db.prepare("SELECT body, revision FROM holds WHERE stream = ?");
    this.#addHolder = db.prepare("UPDATE bodies SET holders = holders + 1, unheld_since = NULL WHERE id = ?");
    this.#dropHolder = db.prepare(
      `UPDATE bodies SET holders = holders - 1, unheld_since = CASE holders WHEN 1 THEN ? ELSE unheld_since END
       WHERE id = ?`,
    );
    this.#putIndex = db.prepare("INSERT OR REPLACE INTO body_index (id, json) VALUES (?, ?)");
  }
  /** Does one change. Answers the files that turned out superfluous, as JSON, if any. */
  apply(text: string, bytes: Uint8Array | undefined, revisionOf: (stream: string) => number): string | undefined {
    const change = JSON.parse(text) as BodyChange;
    switch (change.op) {
      case "commit":
        return this.#commit(change, bytes, revisionOf);
      case "setHeld":
        this.#setHeld(change, revisionOf(change.stream));
        return undefined;
      case "writeIndex":
        this.#putIndex.run(this.#idOf(change.key), change.json);
        return undefined;
      default:
        throw new Error(`invariant broken: unknown change ${text.slice(0, 40)}`);
    }
  }

  /** Lets go of everything that a stream holds. */
  release(stream: string, now: number): void {
    for (const { body } of this.#holdsOf.all(stream) as unknown as { body: number }[]) {
      this.#removeHold(stream, body, now);
    }
  }

  /** Streams with holds whose events are all in a table that is about to be dropped. */
  holdersIn(table: string, category: string): string[] {
    const rows = this.#db
      .prepare(
        `SELECT DISTINCT stream FROM holds WHERE stream >= ? AND stream < ?
         AND EXISTS (SELECT 1 FROM ${table} e WHERE e.stream = holds.stream)`,
      )
      .all(`${category}-`, `${category}.`) as unknown as { stream: string }[];
    return rows.map(({ stream }) => stream);
  }

  /** Deletes bodies that nobody has held since before an instant; at most `limit` of them. */
  freeStep(unheldBefore: number, limit: number): FreedBodies {
    const rows = this.#db
      .prepare("SELECT id, size, file FROM bodies WHERE unheld_since <= ? ORDER BY unheld_since LIMIT ?")
      .all(unheldBefore, limit) as unknown as { id: number; size: number; file: string | null }[];
    for (const { id } of rows) {
      for (const table of ["bodies", "body_bytes", "body_index"]) {
        this.#db.prepare(`DELETE FROM ${table} WHERE id = ?`).run(id);
      }
    }
    return {
      bodies: rows.length,
      bytes: rows.reduce((sum, { size }) => sum + size, 0),
      files: rows.flatMap(({ file }) => (file === null ? [] : [file])),
    };
  }

  /** Whether any tenant's body lies in a file. */
  isFileUsed(sha: string, file: string): boolean {
    return this.#db.prepare("SELECT 1 FROM bodies WHERE sha = ? AND file = ?").get(sha, file) !== undefined;
  }

  #commit(
    change: BodyChange & { readonly op: "commit" },
    bytes: Uint8Array | undefined,
    revisionOf: (stream: string) => number,
  ): string | undefined {
    const holders = new Map<string, Set<string>>();
    for (const { stream, key } of change.holds) {
      const name = key.join("/");
      holders.set(name, (holders.get(name) ?? new Set()).add(stream));
    }
    const superfluous: string[] = [];
    let at = 0;
    for (const { key, sizeBytes, file } of change.bodies) {
      const length = file === undefined ? sizeBytes : 0;
      const part = bytes?.subarray(at, at + length);
      at += length;
      const found = this.#find.get(...key) as unknown as BodyRow | undefined;
      if (found !== undefined) {
        // Wanted again: its grace period starts anew.
        if (found.holders === 0) this.#touch.run(change.now, found.id);
        if (file !== undefined) superfluous.push(file);
        continue;
      }
      // A new body is held by nobody else: it starts with its holders, and there is nothing to look up.
      const name = key.join("/");
      const streams = holders.get(name) ?? new Set();
      holders.delete(name);
      const unheldSince = streams.size === 0 ? change.now : null;
      const { lastInsertRowid: id } = this.#insert.run(...key, sizeBytes, file ?? null, streams.size, unheldSince);
      if (file === undefined) this.#insertBytes.run(id, part ?? new Uint8Array());
      for (const stream of streams) this.#putHold.run(stream, id, revisionOf(stream));
    }
    for (const { stream, key } of change.holds) {
      if (holders.has(key.join("/"))) this.#addHold(stream, this.#idOf(key), revisionOf(stream));
    }
    return superfluous.length === 0 ? undefined : JSON.stringify(superfluous);
  }

  #addHold(stream: string, body: number, revision: number): void {
    const held = this.#hold.get(stream, body) as { revision: number } | undefined;
    if (held === undefined) this.#addHolder.run(body);
    if (held === undefined || held.revision < revision) this.#putHold.run(stream, body, revision);
  }

  #removeHold(stream: string, body: number, now: number): void {
    this.#deleteHold.run(stream, body);
    this.#dropHolder.run(now, body);
  }

  #setHeld(change: BodyChange & { readonly op: "setHeld" }, revision: number): void {
    const { stream, now } = change;
    // A view that is built anew passes states whose bodies were freed long ago: no reason to release nothing.
    const stored = change.keys.map((key) => this.#find.get(...key) as unknown as BodyRow | undefined);
    const wanted = new Set(stored.flatMap((row) => row?.id ?? []));
    const upTo = change.upToRevision ?? Number.POSITIVE_INFINITY;
    for (const held of this.#holdsOf.all(stream) as unknown as { body: number; revision: number }[]) {
      if (!wanted.delete(held.body) && held.revision <= upTo) this.#removeHold(stream, held.body, now);
    }
    for (const body of wanted) this.#addHold(stream, body, change.upToRevision ?? revision);
  }

  #idOf(key: BodyKey): number {
    const row = this.#find.get(...key) as unknown as BodyRow | undefined;
    if (row === undefined) throw new Error(`body ${key.join("/")} is not stored`);
    return row.id;
  }
}
