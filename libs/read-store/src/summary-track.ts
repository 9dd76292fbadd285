import type { DatabaseSync } from "node:sqlite";
import type { BodyRef } from "@mailfold/events";
import type { FoldWorld, Position, RecordedEvent } from "@mailfold/kernel";
import { streamCategory, streamKey } from "@mailfold/kernel";
import { type FoldSnapshots, snapshotLoader, snapshotSaver } from "./fold-snapshots.ts";
import { type FoldedState, foldEvent, foldStream, loadState, saveState } from "./fold-states.ts";
import type { ParkedAt } from "./port.ts";
import type { EventSource, Summary } from "./projector-parts.ts";
import { SqlRows } from "./sql-rows.ts";
import type { TableSet } from "./table-sql.ts";
import { errorText, type Halt, isStoreFault, type Track } from "./track.ts";
import type { StoredBuild } from "./views-database.ts";

/** States kept between batches, and the snapshot bytes they may stand for together. */
const statesMax = 1_024;
const stateBytesMax = 64 * 1024 * 1024;
/** Events between two snapshots of one key; fewer when its state leaves memory. */
const snapshotEvery = 500;
const snapshotEveryEvicted = 64;

/** What a stream holds after a change that may have released bodies. */
export type BodiesListener = (stream: string, refs: readonly BodyRef[], revision: number) => void;

/** Keeps one row per key of a keyed fold up to date, with snapshots, so that a restart does not fold from zero. */
export class SummaryTrack implements Track {
  readonly name: string;
  readonly set: TableSet;
  readonly version: number;
  position: Position;
  persisted: Position;
  state: Track["state"] = "running";
  parked: ParkedAt | undefined;
  parkedAt: number | undefined;
  readonly #summary: Summary;
  readonly #source: EventSource;
  readonly #world: FoldWorld;
  readonly #rows: SqlRows;
  readonly #snapshots: FoldSnapshots;
  readonly #onBodies: BodiesListener | undefined;
  /** Least recently used first. */
  readonly #states = new Map<string, FoldedState<unknown>>();
  readonly #released = new Set<string>();
  /** Keys whose tail could not be folded; the batch halts there. */
  readonly #broken = new Map<string, string>();

  constructor(
    db: DatabaseSync,
    summary: Summary,
    build: StoredBuild,
    reads: { readonly source: EventSource; readonly world: FoldWorld; readonly onBodies?: BodiesListener | undefined },
  ) {
    this.#summary = summary;
    this.#source = reads.source;
    this.#world = reads.world;
    this.#onBodies = reads.onBodies;
    this.#rows = new SqlRows(db, build.set);
    this.#snapshots = { load: snapshotLoader(db), save: snapshotSaver(db) };
    this.name = build.set.projection;
    this.set = build.set;
    this.version = build.version;
    this.position = build.checkpoint;
    this.persisted = build.checkpoint;
  }

  wants(event: RecordedEvent): boolean {
    return streamCategory(event.stream) === this.#summary.fold.category;
  }

  async prepare(events: readonly RecordedEvent[]): Promise<void> {
    this.#broken.clear();
    const first = new Map<string, number>();
    for (const event of events) {
      const key = streamKey(event.stream);
      if (!first.has(key)) first.set(key, event.revision);
    }
    for (const [key, revision] of first) {
      const known = this.#states.get(key);
      const entry = known ?? loadState(this.#summary.fold, key, this.#snapshots, this.#world);
      this.#states.delete(key); // Moves it to the young end.
      if (entry.revision < revision - 1) await this.#readTail(entry, revision);
      if (!this.#broken.has(key)) this.#states.set(key, entry);
    }
  }

  /** Folds what lies between the state and the batch's first event of its stream. */
  async #readTail(entry: FoldedState<unknown>, before: number): Promise<void> {
    const { fold } = this.#summary;
    const from = entry.revision + 1;
    for await (const event of this.#source.readStream(foldStream(fold, entry.key), { from, limit: before - from })) {
      if (event.revision >= before) return;
      try {
        foldEvent(fold, entry, event);
      } catch (error) {
        this.#broken.set(entry.key, `revision ${event.revision} of its stream: ${errorText(error)}`);
        return;
      }
    }
  }

  applyBatch(events: readonly RecordedEvent[]): { readonly changed: boolean; readonly halt?: Halt } {
    const touched = new Set<string>();
    let halt: Halt | undefined;
    for (let index = 0; index < events.length && halt === undefined; index += 1) {
      const event = events[index] as RecordedEvent;
      const key = streamKey(event.stream);
      try {
        const entry = this.#states.get(key);
        if (entry === undefined) throw new Error(this.#broken.get(key) ?? `state of ${key} was not loaded`);
        foldEvent(this.#summary.fold, entry, event);
        touched.add(key);
        if (this.#summary.releasedBy?.includes(event.type)) this.#released.add(key);
      } catch (error) {
        this.#states.delete(key); // It may be half applied.
        touched.delete(key);
        halt = { index, error: errorText(error) };
      }
    }
    for (const key of touched) halt = this.#putRow(key, events) ?? halt;
    this.#evict(touched);
    return halt === undefined ? { changed: touched.size > 0 } : { changed: touched.size > 0, halt };
  }

  #putRow(key: string, events: readonly RecordedEvent[]): Halt | undefined {
    const entry = this.#states.get(key);
    if (entry === undefined) return undefined;
    try {
      this.#rows.apply({ put: this.#summary.table.name, row: this.#summary.summarise(entry.state, key) });
      this.#snapshot(entry, snapshotEvery);
      return undefined;
    } catch (error) {
      if (isStoreFault(error)) throw error;
      this.#states.delete(key);
      const index = events.findIndex((event) => streamKey(event.stream) === key);
      return { index: Math.max(0, index), error: errorText(error) };
    }
  }

  #snapshot(entry: FoldedState<unknown>, eventsMin: number): void {
    saveState(this.#summary.fold, entry, this.#snapshots, { world: this.#world, eventsMin });
  }

  #evict(keep: ReadonlySet<string>): void {
    let bytes = 0;
    for (const entry of this.#states.values()) bytes += entry.sizeBytes;
    for (const [key, entry] of this.#states) {
      if (this.#states.size <= statesMax && bytes <= stateBytesMax) return;
      if (keep.has(key)) continue;
      this.#snapshot(entry, snapshotEveryEvicted);
      this.#reportBodies(key);
      bytes -= entry.sizeBytes;
      this.#states.delete(key);
    }
  }

  reset(): void {
    this.#states.clear();
  }

  settle(): void {
    for (const key of this.#released) this.#reportBodies(key);
  }

  #reportBodies(key: string): void {
    if (!this.#released.delete(key)) return;
    const { bodies, fold } = this.#summary;
    const entry = this.#states.get(key);
    if (entry === undefined || bodies === undefined) return;
    this.#onBodies?.(foldStream(fold, key), bodies.call(this.#summary, entry.state), entry.revision);
  }

  closing(): void {
    for (const entry of this.#states.values()) this.#snapshot(entry, snapshotEveryEvicted);
  }

  prune(floor: Position): number {
    return this.#rows.prune(this.#summary.table, floor, 2_000);
  }
}
