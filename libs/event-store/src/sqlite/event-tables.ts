import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Bucket, Shelf } from "./log-schema.ts";
import { eventTableDdl, fixedTables } from "./log-schema.ts";

const dayMs = 86_400_000;
/** The newest buckets, where nearly every stream that exists is found. */
const tablesLookedAtSingly = 2;
const tablesPerStatement = 200;

/** The statements that the writer needs of one event table. */
export interface EventTable {
  readonly name: string;
  readonly insert: StatementSync;
  readonly head: StatementSync;
  readonly at: StatementSync;
  readonly idAtPosition: StatementSync;
}

interface HeadRow {
  readonly revision: number | null;
}

/** The writer's view of the event tables: two fixed ones, and the buckets of each shelf that expires. */
export class EventTables {
  readonly #db: DatabaseSync;
  readonly #fixed: { readonly record: EventTable; readonly mail: EventTable };
  readonly #headsOfShelf = new Map<Shelf, StatementSync[]>();
  #buckets: { readonly bucket: Bucket; readonly table: EventTable }[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#fixed = { record: prepareTable(db, fixedTables.record), mail: prepareTable(db, fixedTables.mail) };
    this.reload();
  }

  /** Reads the bucket list again, after a rollback or a drop. */
  reload(): void {
    const rows = this.#db
      .prepare("SELECT name, shelf, day, first_position AS firstPosition FROM buckets ORDER BY seq")
      .all() as unknown as Bucket[];
    this.#headsOfShelf.clear();
    this.#buckets = rows.map((bucket) => ({ bucket, table: prepareTable(this.#db, bucket.name) }));
  }

  buckets(): readonly Bucket[] {
    return this.#buckets.map(({ bucket }) => bucket);
  }

  /** Tables in which events of a shelf may lie, newest first. */
  *tablesOf(shelf: Shelf): Generator<EventTable> {
    if (shelf === "record" || shelf === "mail") {
      yield this.#fixed[shelf];
      return;
    }
    for (let index = this.#buckets.length - 1; index >= 0; index -= 1) {
      const entry = this.#buckets[index];
      if (entry?.bucket.shelf === shelf) yield entry.table;
    }
  }

  /** Where a new event of a shelf goes. Makes the day's bucket when there is none; inside a transaction only. */
  tableFor(shelf: Shelf, at: number, position: number): EventTable {
    if (shelf === "record" || shelf === "mail") return this.#fixed[shelf];
    const day = Math.floor(at / dayMs);
    const current = this.#buckets.findLast(({ bucket }) => bucket.shelf === shelf);
    if (current !== undefined && !needsNewBucket(current.bucket.day, day)) return current.table;
    return this.#addBucket({ shelf, day, firstPosition: position });
  }

  /** Revision of a stream's last event, -1 when there is none. */
  headOf(shelf: Shelf, stream: string): number {
    let looked = 0;
    for (const table of this.tablesOf(shelf)) {
      if (looked === tablesLookedAtSingly) return this.#headInAnyOf(shelf, stream);
      const { revision } = table.head.get(stream) as unknown as HeadRow;
      if (revision !== null) return revision;
      looked += 1;
    }
    return -1;
  }

  /** A new stream of traffic is in none of up to a hundred buckets: one statement asks them all. */
  #headInAnyOf(shelf: Shelf, stream: string): number {
    let statements = this.#headsOfShelf.get(shelf);
    if (statements === undefined) {
      statements = [];
      const heads = [...this.tablesOf(shelf)].map(
        ({ name }) => `coalesce((SELECT max(revision) FROM ${name} WHERE stream = ?1), -1)`,
      );
      for (let at = 0; at < heads.length; at += tablesPerStatement) {
        // -1 also makes max() the function of several arguments, never the aggregate.
        const some = heads.slice(at, at + tablesPerStatement).join(", ");
        statements.push(this.#db.prepare(`SELECT max(-1, ${some}) AS revision`));
      }
      this.#headsOfShelf.set(shelf, statements);
    }
    return Math.max(-1, ...statements.map((one) => (one.get(stream) as { revision: number }).revision));
  }

  #addBucket(spec: { readonly shelf: "traffic" | "quarantine"; readonly day: number; readonly firstPosition: number }) {
    const { last } = this.#db.prepare("SELECT max(seq) AS last FROM buckets").get() as { last: number | null };
    // Names are never used twice within a file's life, so a reader cannot take a new table for an old one.
    const seq = Math.max(last ?? 0, spec.firstPosition);
    const bucket: Bucket = { ...spec, name: `${spec.shelf}_${seq}` };
    this.#db.exec(eventTableDdl(bucket.name));
    this.#db
      .prepare("INSERT INTO buckets (seq, name, shelf, day, first_position) VALUES (?, ?, ?, ?, ?)")
      .run(seq, bucket.name, bucket.shelf, bucket.day, bucket.firstPosition);
    this.#db.exec("UPDATE log SET buckets_version = buckets_version + 1");
    const table = prepareTable(this.#db, bucket.name);
    this.#buckets.push({ bucket, table });
    this.#headsOfShelf.clear();
    return table;
  }
}

/**
 * Buckets are filled one after the other, so that their positions do not overlap; a late event goes into today's. Only
 * a bucket of a day that has not come yet (a clock that ran ahead and was set back) is left behind.
 */
function needsNewBucket(currentDay: number, day: number): boolean {
  return day > currentDay || (day < currentDay - 1 && currentDay > Math.floor(Date.now() / dayMs) + 1);
}

function prepareTable(db: DatabaseSync, name: string): EventTable {
  return {
    name,
    insert: db.prepare(
      `INSERT INTO ${name} (pos, type, revision, at, stream, id, metadata, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    head: db.prepare(`SELECT max(revision) AS revision FROM ${name} WHERE stream = ?`),
    at: db.prepare(`SELECT pos, id FROM ${name} WHERE stream = ? AND revision = ?`),
    idAtPosition: db.prepare(`SELECT stream, id FROM ${name} WHERE pos = ?`),
  };
}
