import type { DatabaseSync } from "node:sqlite";
import { refuseUndecodable } from "@mailfold/events";
import type { Position, RecordedEvent, Row, RowChange, RowsProjection, TableSpec } from "@mailfold/kernel";
import type { ParkedAt } from "./port.ts";
import { SqlRows } from "./sql-rows.ts";
import type { TableSet } from "./table-sql.ts";
import { errorText, type Halt, isStoreFault, type Track } from "./track.ts";
import type { StoredBuild } from "./views-database.ts";

/** Rows dropped in one go when traffic expired, so that live events never wait long. */
const pruneMax = 2_000;

/** Feeds one build of a rows projection. Rows of an older version are kept up as far as the new code's changes fit them. */
export class RowsTrack implements Track {
  readonly name: string;
  readonly set: TableSet;
  readonly version: number;
  position: Position;
  persisted: Position;
  state: Track["state"] = "running";
  parked: ParkedAt | undefined;
  parkedAt: number | undefined;
  readonly #db: DatabaseSync;
  readonly #projection: RowsProjection;
  readonly #rows: SqlRows;
  readonly #handles: ReadonlySet<string>;

  constructor(db: DatabaseSync, projection: RowsProjection, build: StoredBuild) {
    this.#db = db;
    this.#projection = projection;
    this.name = projection.name;
    this.set = build.set;
    this.version = build.version;
    this.position = build.checkpoint;
    this.persisted = build.checkpoint;
    this.#rows = new SqlRows(db, build.set);
    this.#handles = new Set(projection.handles);
  }

  wants(event: RecordedEvent): boolean {
    return this.#handles.has(event.type);
  }

  applyBatch(events: readonly RecordedEvent[]): { readonly changed: boolean; readonly halt?: Halt } {
    let changed = false;
    for (let index = 0; index < events.length; index += 1) {
      const event = events[index] as RecordedEvent;
      try {
        refuseUndecodable(event);
        const changes = this.#projection.project(event);
        if (changes.length > 0) changed = this.#applyAll(changes) || changed;
      } catch (error) {
        if (isStoreFault(error)) throw error;
        return { changed, halt: { index, error: errorText(error) } };
      }
    }
    return { changed };
  }

  /** All changes of one event, or none. */
  #applyAll(changes: readonly RowChange[]): boolean {
    const [only] = changes;
    if (changes.length === 1 && only !== undefined) return this.#apply(only);
    this.#db.exec("SAVEPOINT one_event");
    try {
      let changed = false;
      for (const change of changes) changed = this.#apply(change) || changed;
      this.#db.exec("RELEASE one_event");
      return changed;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK TO one_event; RELEASE one_event");
      throw error;
    }
  }

  #apply(change: RowChange): boolean {
    if (this.version === this.#projection.version) return this.#rows.apply(change);
    const fitted = fitToOlder(this.set.tables, change);
    return fitted === undefined ? false : this.#rows.apply(fitted);
  }

  prune(floor: Position): number {
    let dropped = 0;
    for (const table of this.set.tables) dropped += this.#rows.prune(table, floor, pruneMax);
    return dropped;
  }
}

/** The part of a change that an older version's tables can take; undefined when the table did not exist. */
function fitToOlder(tables: readonly TableSpec[], change: RowChange): RowChange | undefined {
  const name = "put" in change ? change.put : "patch" in change ? change.patch : change.delete;
  const table = tables.find((candidate) => candidate.name === name);
  if (table === undefined) return undefined;
  if ("put" in change) return { put: change.put, row: knownColumns(table, change.row) };
  if ("patch" in change) return { ...change, set: knownColumns(table, change.set) };
  return change;
}

function knownColumns(table: TableSpec, row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([column]) => table.columns[column] !== undefined));
}
