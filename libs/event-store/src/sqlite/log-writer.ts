import type { DatabaseSync, StatementSync } from "node:sqlite";
import { EventStoreFault } from "../port.ts";
import { EventTables } from "./event-tables.ts";
import { GenerationMap } from "./generation-map.ts";
import type { Shelf } from "./log-schema.ts";
import { fixedTables } from "./log-schema.ts";
import type { FoundAppend } from "./replay-search.ts";
import { ReplaySearch } from "./replay-search.ts";
import { toFault } from "./sqlite-faults.ts";
import type { WriterAppend, WriterExtension, WriterOutcome, WriterRequest } from "./writer-request.ts";
import { expectAny } from "./writer-request.ts";

const headsMax = 100_000;
const recentIdsMax = 50_000;
const recentIdsAtStart = 4_096;

interface RecentEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
}
type Plan =
  | { readonly kind: "write"; readonly after: number }
  | { readonly kind: "replayed"; readonly found: FoundAppend }
  | { readonly kind: "conflict"; readonly actual: number };

/** One request that the database refuses: its batch is done again without it. */
class RequestFailure extends Error {
  readonly index: number;
  constructor(index: number, cause: unknown) {
    super(`request ${index} failed`, { cause });
    this.index = index;
  }
}

/**
 * The one writer of a log file: synchronous, no thread of its own. A batch of requests shares one transaction and so
 * one fsync; each request succeeds, conflicts or fails alone.
 */
export class LogWriter {
  readonly db: DatabaseSync;
  readonly path: string;
  readonly tables: EventTables;
  readonly #extension: WriterExtension | undefined;
  readonly #search: ReplaySearch;
  readonly #heads = new GenerationMap<number>(headsMax);
  readonly #recent = new GenerationMap<RecentEvent>(recentIdsMax);
  readonly #types = new Map<string, number>();
  readonly #setHead: StatementSync;
  readonly #insertType: StatementSync;
  #batchIds: string[] = [];
  #head: number;
  #fatal: EventStoreFault | undefined;

  constructor(db: DatabaseSync, path: string, extension?: WriterExtension) {
    this.db = db;
    this.path = path;
    this.#extension = extension;
    if (extension !== undefined) this.transact(() => extension.prepare(db));
    this.tables = new EventTables(db);
    this.#search = new ReplaySearch(db, this.tables);
    this.#setHead = db.prepare("UPDATE log SET head = ?");
    this.#insertType = db.prepare("INSERT INTO types (name) VALUES (?) RETURNING id");
    this.#head = (db.prepare("SELECT head FROM log").get() as { head: number }).head;
    this.#loadTypes();
    this.#loadRecentIds();
  }

  get head(): number {
    return this.#head;
  }
  get fatal(): EventStoreFault | undefined {
    return this.#fatal;
  }

  /** Runs work in a transaction of its own; an error rolls it back, and an I/O error stops the writer for good. */
  transact<Result>(work: () => Result): Result {
    if (this.#fatal !== undefined) throw this.#fatal;
    try {
      this.db.exec("BEGIN IMMEDIATE");
      const result = work();
      this.db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#rollBack(error);
      throw toFault(error, this.path) ?? error;
    }
  }

  /** Writes a batch in one transaction. Durable when it returns. Never throws for a request's or the disk's sake. */
  writeBatch(requests: readonly WriterRequest[]): readonly WriterOutcome[] {
    const failed = new Map<number, EventStoreFault>();
    for (;;) {
      try {
        return this.transact(() => this.#writeAll(requests, failed));
      } catch (error) {
        if (error instanceof RequestFailure) {
          const why = error.cause instanceof Error ? error.cause.message : String(error.cause);
          failed.set(error.index, new EventStoreFault("unavailable", `the append was refused: ${why}`, error));
          continue;
        }
        const fault = toFault(error, this.path);
        if (fault === undefined) throw error;
        return requests.map(() => ({ kind: "failed", fault }));
      }
    }
  }

  /** Forgets what is cached of a stream: its events were deleted. */
  forget(stream: string): void {
    this.#heads.delete(stream);
  }
  /** Forgets all cached heads: whole tables were dropped. */
  forgetHeads(): void {
    this.#heads.clear();
    this.tables.reload();
  }
  /** Raises the head without an event: positions up to it are never given out. Inside `transact`. */
  skipTo(head: number): void {
    this.#head = Math.max(this.#head, head);
    this.#setHead.run(this.#head);
  }
  /** Tells the extension that streams are gone. Inside `transact`. */
  streamsDeleted(streams: readonly string[]): void {
    this.#extension?.streamsDeleted(streams);
  }
  /** Tells the extension that a table will be dropped. Inside `transact`. */
  tableDropping(table: string, shelf: Shelf): void {
    const others = [...this.tables.tablesOf(shelf)].filter(({ name }) => name !== table);
    const isElsewhere = (stream: string): boolean =>
      others.some(({ head }) => (head.get(stream) as { revision: number | null }).revision !== null);
    this.#extension?.tableDropping(table, shelf, isElsewhere);
  }

  #writeAll(requests: readonly WriterRequest[], failed: ReadonlyMap<number, EventStoreFault>): WriterOutcome[] {
    this.#batchIds = [];
    const before = this.#head;
    const outcomes = requests.map((request, index): WriterOutcome => {
      const fault = failed.get(index);
      if (fault !== undefined) return { kind: "failed", fault };
      try {
        return this.#write(request);
      } catch (error) {
        // A full or failing disk is everybody's; anything else is this request's own.
        if (toFault(error, this.path) !== undefined) throw error;
        throw new RequestFailure(index, error);
      }
    });
    if (this.#head !== before) this.#setHead.run(this.#head);
    return outcomes;
  }

  #write(request: WriterRequest): WriterOutcome {
    const plans: Plan[] = [];
    const planned = new Map<string, number>();
    for (const [index, append] of request.appends.entries()) {
      const plan = this.#plan(append, planned);
      if (plan.kind === "conflict") return { kind: "conflict", index, actual: plan.actual };
      plans.push(plan);
    }
    const replayed = plans.findIndex((plan) => plan.kind === "replayed");
    if (replayed >= 0) return this.#replay(request, plans, replayed);
    const revisions: number[] = [];
    for (const [index, append] of request.appends.entries()) {
      const plan = plans[index];
      if (plan?.kind === "write") revisions.push(this.#insert(append, plan.after));
    }
    const result =
      request.payload === ""
        ? undefined
        : this.#extension?.apply(request.payload, request.bytes, (stream) => this.#heads.get(stream) ?? -1);
    return { kind: "written", position: this.#head, revisions, replayed: false, result };
  }

  #plan(append: WriterAppend, planned: Map<string, number>): Plan {
    const { stream, expected, events } = append;
    const head = planned.get(stream) ?? this.#headOf(append.shelf, stream);
    if (expected === expectAny) {
      const recent = events[0] === undefined ? undefined : this.#recent.get(events[0].id);
      if (recent?.stream === stream) {
        const found = this.#search.atRevision(append, recent.revision);
        if (found !== undefined) return { kind: "replayed", found };
      }
    } else if (expected !== head) {
      const found = this.#search.atRevision(append, expected + 1);
      return found === undefined ? { kind: "conflict", actual: head } : { kind: "replayed", found };
    }
    planned.set(stream, head + events.length);
    return { kind: "write", after: head };
  }

  /**
   * One append of the request was written before, so all were, at positions that follow each other: it is a replay if
   * every event stands where it must, and a conflict otherwise. That covers `any` appends older than the recent ids.
   */
  #replay(request: WriterRequest, plans: readonly Plan[], found: number): WriterOutcome {
    const known = plans[found];
    let position = known?.kind === "replayed" ? known.found.first : 0;
    for (const append of request.appends.slice(0, found)) position -= append.events.length;
    const revisions: number[] = [];
    for (const [index, append] of request.appends.entries()) {
      const plan = plans[index];
      if (!this.#search.standsAt(append, position)) {
        const at = plan?.kind === "write" ? index : found;
        const other = request.appends[at] ?? append;
        return { kind: "conflict", index: at, actual: this.#headOf(other.shelf, other.stream) };
      }
      position += append.events.length;
      revisions.push(this.#search.revisionAt(append, position - 1));
    }
    return { kind: "written", position: position - 1, revisions, replayed: true, result: undefined };
  }

  /** Inserts an append's events after a revision. Answers the last one's. */
  #insert(append: WriterAppend, after: number): number {
    let revision = after;
    for (const event of append.events) {
      const position = this.#head + 1;
      const table = this.tables.tableFor(append.shelf, event.at, position);
      revision += 1;
      const { stream } = append;
      const type = this.#typeId(event.wireType);
      table.insert.run(position, type, revision, event.at, stream, event.id, event.metadata, event.data);
      this.#head = position;
      this.#recent.set(event.id, { stream, revision, position });
      this.#batchIds.push(event.id);
    }
    this.#heads.set(append.stream, revision);
    return revision;
  }

  #headOf(shelf: Shelf, stream: string): number {
    const cached = this.#heads.get(stream);
    if (cached !== undefined) return cached;
    const head = this.tables.headOf(shelf, stream);
    if (head >= 0) this.#heads.set(stream, head);
    return head;
  }

  #typeId(wireType: string): number {
    const known = this.#types.get(wireType);
    if (known !== undefined) return known;
    const { id } = this.#insertType.get(wireType) as { id: number };
    this.#types.set(wireType, id);
    return id;
  }

  #rollBack(error: unknown): void {
    const fault = toFault(error, this.path);
    if (fault?.kind === "fatal" || fault?.kind === "corrupt") this.#fatal = fault;
    try {
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      for (const id of this.#batchIds) this.#recent.delete(id);
      this.#batchIds = [];
      this.#heads.clear();
      this.#head = (this.db.prepare("SELECT head FROM log").get() as { head: number }).head;
      this.#loadTypes();
      this.tables.reload();
      this.#extension?.rolledBack();
    } catch (second) {
      // What cannot be undone must not be built upon.
      this.#fatal ??= new EventStoreFault("fatal", `${this.path}: a failed commit could not be undone`, {
        cause: second,
      });
    }
  }

  #loadTypes(): void {
    this.#types.clear();
    const rows = this.db.prepare("SELECT id, name FROM types").all() as { id: number; name: string }[];
    for (const { id, name } of rows) this.#types.set(name, id);
  }

  /** The last ids before a restart: a client may still be retrying one. */
  #loadRecentIds(): void {
    const newest = this.tables.buckets().slice(-2);
    for (const table of [...Object.values(fixedTables), ...newest.map(({ name }) => name)]) {
      const rows = this.db
        .prepare(`SELECT id, stream, revision, pos AS position FROM ${table} ORDER BY pos DESC LIMIT ?`)
        .all(recentIdsAtStart) as unknown as (RecentEvent & { id: string })[];
      for (const { id, ...place } of rows.reverse()) this.#recent.set(id, place);
    }
  }
}
