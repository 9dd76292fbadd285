import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EventCodec, LifeClass } from "@mailfold/events";
import { lifeClassOf } from "@mailfold/events";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { LogPage } from "../catch-up.ts";
import type { EventFilter } from "../port.ts";
import { EventStoreFault } from "../port.ts";
import type { CompiledFilter } from "./filter-sql.ts";
import { compileFilter, noFilter } from "./filter-sql.ts";
import { openLogForReading } from "./log-file.ts";
import type { Bucket, EventRow, Shelf } from "./log-schema.ts";
import { eventColumns as columns, fixedTables, fromPosition, shelfOf, toPosition } from "./log-schema.ts";
import { toFault } from "./sqlite-faults.ts";

/** Positions looked at per page when a filter may skip most of them: bounds the time of one read to a few ms. */
const filteredWindow = 4_000;
const spansPerPage = 3;
const statementsMax = 500;
const alwaysThere = (["record", "mail"] as const).map((shelf) => ({ shelf, name: fixedTables[shelf] }));

interface LogRow {
  readonly epoch: string;
  readonly head: number;
  readonly floor: number;
  readonly bucketsVersion: number;
}
/** A page of a stream, and whether more follows. */
export interface StreamPage {
  readonly events: readonly RecordedEvent[];
  readonly more: boolean;
}

/**
 * Pages of a log file over one read-only connection, synchronous, on any thread. Each page is one short read
 * transaction, so that the writer's checkpoints are never held up.
 */
export class LogReader {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #codec: EventCodec;
  readonly #log: StatementSync;
  readonly #newestType: StatementSync;
  readonly #filters = new WeakMap<
    EventFilter,
    { readonly newestType: number | null; readonly compiled: CompiledFilter }
  >();
  readonly #statements = new Map<string, StatementSync>();
  #types: string[] = [];
  #buckets: readonly Bucket[] = [];
  #bucketsVersion = -1;

  constructor(path: string, codec: EventCodec) {
    this.#db = openLogForReading(path);
    this.#path = path;
    this.#codec = codec;
    this.#log = this.#db.prepare(
      "SELECT epoch, head, traffic_floor AS floor, buckets_version AS bucketsVersion FROM log",
    );
    this.#newestType = this.#db.prepare("SELECT max(id) FROM types");
    this.#newestType.setReturnArrays(true);
  }

  head(): Position {
    const { head } = this.#readLog();
    return head === 0 ? startOfLog : toPosition(head);
  }

  epoch(): string {
    return this.#readLog().epoch;
  }

  floor(lifeClass: LifeClass): Position {
    const { floor } = this.#readLog();
    return lifeClass !== "traffic" || floor === 0 ? startOfLog : toPosition(floor);
  }

  /** Up to `limit` events after a position, in order. */
  pageForwards(
    after: Position,
    options: { readonly filter?: EventFilter | undefined; readonly limit: number },
  ): LogPage {
    return this.#inSnapshot((log) => {
      const filter = this.#compile(options.filter);
      const rows: EventRow[] = [];
      let from = fromPosition(after);
      // Several spans, so that a new day's bucket does not look like the end of the log.
      for (let spans = 0; spans < spansPerPage && from < log.head && rows.length < options.limit; spans += 1) {
        const { tables, end } = this.#span(from, log.head, filter);
        const room = options.limit - rows.length;
        const found = this.#select(tables, filter, "ASC", [from, end, room]);
        rows.push(...found);
        // A full page ends at its last event; any other has seen everything to the end of its span.
        from = found.length === room ? (found.at(-1)?.[0] ?? end) : end;
      }
      return { events: this.#decodeAll(rows), next: from === 0 ? after : toPosition(from), atHead: from >= log.head };
    });
  }

  /** Up to `limit` events before a position (or the end), newest first; `next` is the cursor of the page after. */
  pageBackwards(
    before: Position | undefined,
    options: { readonly filter?: EventFilter | undefined; readonly limit: number },
  ): { readonly events: readonly RecordedEvent[]; readonly next: Position; readonly done: boolean } {
    return this.#inSnapshot((log) => {
      const filter = this.#compile(options.filter);
      const to = before === undefined ? log.head : Math.min(fromPosition(before) - 1, log.head);
      if (to < 1) return { events: [], next: startOfLog, done: true };
      const { tables, start } = this.#spanBackwards(to, filter);
      const rows = this.#select(tables, filter, "DESC", [start, to, options.limit]);
      const last = rows.at(-1);
      const next = last !== undefined && rows.length === options.limit ? last[0] : start + 1;
      return { events: this.#decodeAll(rows), next: toPosition(next), done: next <= 1 };
    });
  }

  /** Up to `limit` events of a stream from a revision on, in either direction. */
  streamPage(
    stream: string,
    options: {
      readonly from: number;
      readonly direction: "forwards" | "backwards";
      readonly limit: number;
    },
  ): StreamPage {
    return this.#inSnapshot(() => {
      const forwards = options.direction === "forwards";
      const shelf = shelfOf(stream, lifeClassOf(stream));
      const tables = this.#tablesOf(shelf);
      if (!forwards) tables.reverse();
      const rows: EventRow[] = [];
      for (const table of tables) {
        const room = options.limit - rows.length;
        if (room <= 0) break;
        const statement = this.#prepare(
          `SELECT ${columns} FROM ${table} WHERE stream = ? AND revision ${forwards ? ">=" : "<="} ? ` +
            `ORDER BY revision ${forwards ? "ASC" : "DESC"} LIMIT ?`,
        );
        rows.push(...(statement.all(stream, options.from, room) as unknown as EventRow[]));
      }
      return { events: this.#decodeAll(rows), more: rows.length === options.limit };
    });
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** One consistent look at the file. */
  #inSnapshot<Result>(read: (log: LogRow) => Result): Result {
    if (!this.#db.isOpen) throw new EventStoreFault("closed", "the log is closed");
    try {
      this.#db.exec("BEGIN");
      try {
        const log = this.#log.get() as unknown as LogRow;
        if (log.bucketsVersion !== this.#bucketsVersion) this.#loadBuckets(log.bucketsVersion);
        return read(log);
      } finally {
        this.#db.exec("COMMIT");
      }
    } catch (error) {
      throw toFault(error, this.#path) ?? error;
    }
  }

  #readLog(): LogRow {
    if (!this.#db.isOpen) throw new EventStoreFault("closed", "the log is closed");
    return this.#log.get() as unknown as LogRow;
  }

  #loadBuckets(version: number): void {
    this.#statements.clear();
    this.#buckets = this.#db
      .prepare("SELECT name, shelf, day, first_position AS firstPosition FROM buckets ORDER BY seq")
      .all() as unknown as Bucket[];
    this.#bucketsVersion = version;
  }

  #tablesOf(shelf: Shelf): string[] {
    if (shelf === "record" || shelf === "mail") return [fixedTables[shelf]];
    return this.#buckets.filter((bucket) => bucket.shelf === shelf).map(({ name }) => name);
  }

  /** The tables that hold positions after `from`, up to the next bucket's first: at most one table per shelf. */
  #span(from: number, head: number, filter: CompiledFilter): { readonly tables: string[]; readonly end: number } {
    let end = head;
    for (const { firstPosition } of this.#buckets) {
      if (firstPosition > from + 1) end = Math.min(end, firstPosition - 1);
    }
    const tables = this.#tablesAt(from + 1, filter);
    if (filter.sql === "" || end - from <= filteredWindow) return { tables, end };
    // Gaps that expiry left are jumped over, not walked through.
    const first = this.#edge(tables, from, "ASC");
    return { tables, end: Math.min(end, Math.max(from + 1, first ?? end) + filteredWindow - 1) };
  }

  #spanBackwards(to: number, filter: CompiledFilter): { readonly tables: string[]; readonly start: number } {
    let start = 0;
    for (const { firstPosition } of this.#buckets) if (firstPosition <= to) start = Math.max(start, firstPosition - 1);
    const tables = this.#tablesAt(to, filter);
    if (filter.sql === "" || to - start <= filteredWindow) return { tables, start };
    const last = this.#edge(tables, to, "DESC");
    return { tables, start: Math.max(start, Math.min(to, last ?? start) - filteredWindow) };
  }

  #tablesAt(position: number, filter: CompiledFilter): string[] {
    const current = (["traffic", "quarantine"] as const).flatMap((shelf) => {
      const bucket = this.#buckets.findLast((each) => each.shelf === shelf && each.firstPosition <= position);
      return bucket === undefined ? [] : [{ shelf, name: bucket.name }];
    });
    return [...alwaysThere, ...current]
      .filter(({ shelf }) => filter.shelves === undefined || filter.shelves.has(shelf))
      .map(({ name }) => name);
  }

  /** The first (or last) position in these tables beyond (or up to) one. */
  #edge(tables: readonly string[], position: number, order: "ASC" | "DESC"): number | undefined {
    const edges = tables.flatMap((table) => {
      const comparison = order === "ASC" ? ">" : "<=";
      const row = this.#prepare(`SELECT pos FROM ${table} WHERE pos ${comparison} ? ORDER BY pos ${order} LIMIT 1`).get(
        position,
      ) as unknown as readonly [number] | undefined;
      return row === undefined ? [] : [row[0]];
    });
    if (edges.length === 0) return undefined;
    return order === "ASC" ? Math.min(...edges) : Math.max(...edges);
  }

  /** Rows with start < pos <= end, merged over tables by position. */
  #select(
    tables: readonly string[],
    filter: CompiledFilter,
    order: "ASC" | "DESC",
    [start, end, limit]: readonly [number, number, number],
  ): EventRow[] {
    const [only] = tables;
    if (only === undefined) return [];
    const selects = tables.map((table) => `SELECT ${columns} FROM ${table} WHERE pos > ? AND pos <= ?${filter.sql}`);
    const statement = this.#prepare(`${selects.join(" UNION ALL ")} ORDER BY pos ${order} LIMIT ?`);
    const values = tables.flatMap(() => [start, end, ...filter.values]);
    return statement.all(...values, limit) as unknown as EventRow[];
  }

  /** Compiled once per filter object, and again when a type has been written for the first time. */
  #compile(filter: EventFilter | undefined): CompiledFilter {
    if (filter === undefined) return noFilter;
    const [newestType] = this.#newestType.get() as unknown as readonly [number | null];
    const known = this.#filters.get(filter);
    if (known?.newestType === newestType) return known.compiled;
    const compiled = compileFilter(filter, this.#codec, this.#allTypes());
    this.#filters.set(filter, { newestType, compiled });
    return compiled;
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= statementsMax) this.#statements.clear();
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    this.#statements.set(sql, statement);
    return statement;
  }

  #decodeAll(rows: readonly EventRow[]): RecordedEvent[] {
    return rows.map(([pos, type, revision, occurredAt, stream, id, metadata, data]) =>
      this.#codec.decode({
        id,
        wireType: this.#types[type] ?? this.#typeName(type),
        stream,
        revision,
        position: toPosition(pos),
        occurredAt,
        data,
        metadata,
      }),
    );
  }

  #typeName(id: number): string {
    const name = this.#allTypes()[id];
    if (name === undefined) throw new EventStoreFault("corrupt", `${this.#path}: event type ${id} has no name`);
    return name;
  }

  /** Read anew each time it is asked: a handful of rows, and new ones may have come. */
  #allTypes(): readonly string[] {
    const rows = this.#prepare("SELECT id, name FROM types").all() as unknown as readonly (readonly [number, string])[];
    const types: string[] = [];
    for (const [id, name] of rows) types[id] = name;
    this.#types = types;
    return types;
  }
}
