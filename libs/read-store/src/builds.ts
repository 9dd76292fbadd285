import type { DatabaseSync } from "node:sqlite";
import { type RowsProjection, startOfLog } from "@mailfold/kernel";
import type { ProjectorParts, Summary } from "./projector-parts.ts";
import { summaryProjection } from "./projector-parts.ts";
import { RowsTrack } from "./rows-track.ts";
import { type BodiesListener, SummaryTrack } from "./summary-track.ts";
import type { TableSet } from "./table-sql.ts";
import type { Track } from "./track.ts";
import { createBuild, dropBuild, inTransaction, readBuilds, type StoredBuild } from "./views-database.ts";

interface Definition {
  readonly projection: RowsProjection;
  readonly summary?: Summary;
}

/** The builds of every projection: the one that is served, and at most one that grows beside it. */
export class Builds {
  /** By projection name. */
  readonly growing = new Map<string, Track>();
  readonly #served = new Map<string, Track>();
  readonly #db: DatabaseSync;
  readonly #parts: ProjectorParts;
  readonly #definitions: ReadonlyMap<string, Definition>;
  readonly #onBodies: BodiesListener;

  constructor(db: DatabaseSync, parts: ProjectorParts, onBodies: BodiesListener) {
    this.#db = db;
    this.#parts = parts;
    this.#onBodies = onBodies;
    const definitions: Definition[] = [
      ...parts.projections.map((projection) => ({ projection })),
      ...(parts.summaries ?? []).map((summary) => ({ projection: summaryProjection(summary), summary })),
    ];
    this.#definitions = new Map(definitions.map((definition) => [definition.projection.name, definition]));
    if (this.#definitions.size !== definitions.length) throw new Error("two projections have the same name");
  }

  get served(): readonly Track[] {
    return [...this.#served.values()];
  }

  isServed(track: Track): boolean {
    return this.#served.get(track.name) === track;
  }

  servedBy(name: string): Track {
    const track = this.#served.get(name);
    if (track === undefined) throw new Error(`no projection ${name}`);
    return track;
  }

  /** The stream category of a summary's track; undefined for rows projections, which see the whole log. */
  categoryOf(track: Track): string | undefined {
    return this.#definitions.get(track.name)?.summary?.fold.category;
  }

  /** Takes up what is on disk, drops what no code names any more, and starts what is new or of another version. */
  open(): void {
    const stored = readBuilds(this.#db);
    for (const build of stored) {
      const known = this.#definitions.get(build.set.projection);
      const isLeftover = !build.active && build.version !== known?.projection.version;
      if (known === undefined || isLeftover) inTransaction(this.#db, () => dropBuild(this.#db, build.set));
    }
    for (const [name, { projection }] of this.#definitions) {
      const mine = stored.filter((build) => build.set.projection === name);
      const active = mine.find((build) => build.active) ?? this.#create(projection, `v${projection.version}`, true);
      this.#served.set(name, this.#track(active));
      const begun = mine.find((build) => !build.active && build.version === projection.version);
      if (begun !== undefined) this.growing.set(name, this.#track(begun));
      else if (active.version !== projection.version) this.grow(name);
    }
  }

  /** Starts an empty build beside the served one; an older unfinished one is dropped. */
  grow(name: string): Track {
    const definition = this.#definitions.get(name);
    if (definition === undefined) throw new Error(`no projection ${name}`);
    const unfinished = this.growing.get(name);
    if (unfinished !== undefined) inTransaction(this.#db, () => dropBuild(this.#db, unfinished.set));
    // A rebuild is asked for when rows are in doubt: do not let it start from states that may be, too.
    const { summary } = definition;
    if (summary !== undefined) this.#db.prepare("DELETE FROM fold_snapshots WHERE fold = ?").run(summary.fold.name);
    const track = this.#track(this.#create(definition.projection, this.#freeLabel(definition.projection), false));
    this.growing.set(name, track);
    return track;
  }

  /** Serves a finished build and drops the one before, in one transaction. */
  swap(track: Track): void {
    const old = this.servedBy(track.name);
    inTransaction(this.#db, () => {
      dropBuild(this.#db, old.set);
      this.#db
        .prepare("UPDATE projection_builds SET active = 1, checkpoint = ? WHERE name = ? AND label = ?")
        .run(track.position, track.name, track.set.label);
    });
    track.persisted = track.position;
    this.#served.set(track.name, track);
    this.growing.delete(track.name);
  }

  #freeLabel({ name, version }: RowsProjection): string {
    const taken = new Set(
      readBuilds(this.#db)
        .filter((build) => build.set.projection === name)
        .map((build) => build.set.label),
    );
    let label = `v${version}`;
    for (let rebuild = 1; taken.has(label); rebuild += 1) label = `v${version}r${rebuild}`;
    return label;
  }

  #create(projection: RowsProjection, label: string, active: boolean): StoredBuild {
    const set: TableSet = { projection: projection.name, label, tables: projection.tables };
    const build: StoredBuild = { set, version: projection.version, checkpoint: startOfLog, active };
    createBuild(this.#db, build);
    return build;
  }

  #track(build: StoredBuild): Track {
    const definition = this.#definitions.get(build.set.projection);
    if (definition === undefined) throw new Error(`no projection ${build.set.projection}`);
    const { projection, summary } = definition;
    if (summary === undefined) return new RowsTrack(this.#db, projection, build);
    const { source, world = { restoredAt: 0 } } = this.#parts;
    return new SummaryTrack(this.#db, summary, build, { source, world, onBodies: this.#onBodies });
  }
}
