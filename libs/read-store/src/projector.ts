import type { DatabaseSync } from "node:sqlite";
import { type Position, startOfLog } from "@mailfold/kernel";
import { Builds } from "./builds.ts";
import { type FoldSnapshot, snapshotSaver } from "./fold-snapshots.ts";
import type { ParkedAt } from "./port.ts";
import { later } from "./position-order.ts";
import type { ProjectorParts } from "./projector-parts.ts";
import { Pump, type PumpOptions } from "./pump.ts";
import type { BodiesListener } from "./summary-track.ts";
import { errorText, type Track } from "./track.ts";

const statusEveryMs = 200;
const pruneEveryMs = 60_000;
/** A track that lies this many events behind the others at start catches up by itself, so that nobody waits for it. */
const togetherEventsMax = 1_000;

/** Status as the projector knows it; the reading side adds seconds by its own clock. */
export interface TrackStatus {
  readonly name: string;
  readonly version: number;
  readonly state: "running" | "rebuilding" | "parked" | "stopped";
  readonly position: Position;
  readonly lagEvents: number;
  /** When the oldest event not yet applied happened, as far as known; undefined when there is none. */
  readonly oldestWaitingAt?: number;
  readonly parked?: ParkedAt;
  readonly rebuild?: { readonly version: number; readonly position: Position };
}

/** What a projector tells its owner. */
export interface ProjectorEvents {
  advanced(changes: readonly { readonly name: string; readonly position: Position; readonly changed: boolean }[]): void;
  status(statuses: readonly TrackStatus[]): void;
  /** Rows of a projection were swapped for rebuilt ones. */
  swapped(name: string): void;
  bodies: BodiesListener;
  /** A fault that is being retried, as one line. */
  fault(text: string): void;
}

/** Runs projections over one database: the served builds, and builds that grow beside them until they are swapped in. */
export class Projector {
  readonly #parts: ProjectorParts;
  readonly #events: ProjectorEvents;
  readonly #builds: Builds;
  readonly #pumps = new Set<Pump>();
  readonly #rebuilds = new Map<string, PromiseWithResolvers<void>>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #saveSnapshot: (snapshot: FoldSnapshot) => void;
  readonly #pumpOptions: Omit<PumpOptions, "report">;
  #head: Position = startOfLog;
  #lastStatus = "";
  /** Pumps whose track is being swapped or moved right now. */
  readonly #settling = new Set<Pump>();
  #closed = false;

  constructor(db: DatabaseSync, parts: ProjectorParts, events: ProjectorEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#builds = new Builds(db, parts, (stream, refs, revision) => events.bodies(stream, refs, revision));
    this.#saveSnapshot = snapshotSaver(db);
    const handled = new Set(parts.projections.flatMap((projection) => projection.handles));
    this.#pumpOptions = {
      db,
      source: parts.source,
      readerGeneration: parts.readerGeneration ?? 1,
      isKnownType: (type) => parts.isKnownType?.(type) ?? handled.has(type),
    };
  }

  /** Opens or makes every projection's rows and begins to feed them. */
  async start(): Promise<void> {
    const { source } = this.#parts;
    this.#head = await source.head();
    this.#builds.open();
    const rows = this.#builds.served.filter((track) => this.#builds.categoryOf(track) === undefined);
    const furthest = rows.reduce((most, { position }) => later(most, position), startOfLog);
    const isNear = (track: Track) => source.distance(track.position, furthest) <= togetherEventsMax;
    this.#pump(rows.filter(isNear));
    for (const track of rows) if (!isNear(track)) this.#pump([track]);
    for (const track of this.#builds.served) if (!rows.includes(track)) this.#pump([track]);
    for (const track of this.#builds.growing.values()) this.#pump([track]);
    this.#timers.push(setInterval(() => void this.#tick(), statusEveryMs));
    this.#timers.push(setInterval(() => void this.prune().catch((error) => this.#fault(error)), pruneEveryMs));
    for (const timer of this.#timers) timer.unref();
    this.#report();
  }

  /** Builds a projection's rows anew beside the served ones; resolves when they are swapped in. */
  rebuild(name: string): Promise<void> {
    const running = this.#rebuilds.get(name);
    if (running !== undefined) return running.promise;
    if (!this.#builds.served.some((track) => track.name === name))
      return Promise.reject(new Error(`no projection ${name}`));
    const outcome = Promise.withResolvers<void>();
    this.#rebuilds.set(name, outcome);
    const growing = this.#builds.growing.get(name);
    // One that grows already for a new version is what was asked for, unless it is stuck.
    if (growing === undefined || growing.state !== "running") this.#pump([this.#builds.grow(name)]);
    this.#report();
    return outcome.promise;
  }

  /** Drops rows of traffic below the log's floor. */
  async prune(): Promise<void> {
    const floor = await this.#parts.source.floor?.("traffic");
    if (floor === undefined) return;
    for (const track of this.#builds.served) await this.#pruneTrack(track, floor);
  }

  saveSnapshot(snapshot: FoldSnapshot): void {
    this.#saveSnapshot(snapshot);
  }

  statuses(): readonly TrackStatus[] {
    return this.#builds.served.map((track) => this.#statusOf(track));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const pump of [...this.#pumps]) await pump.close();
    for (const [name, outcome] of this.#rebuilds) outcome.reject(new Error(`closed while ${name} was being rebuilt`));
    await this.#parts.source.close?.();
  }

  #pump(tracks: readonly Track[]): void {
    const [first] = tracks;
    if (first === undefined) return;
    const category = this.#builds.categoryOf(first);
    const pump: Pump = new Pump(
      {
        ...this.#pumpOptions,
        ...(category === undefined ? {} : { streamPrefixes: [`${category}-`] }),
        report: {
          advanced: (passed) => this.#advanced(pump, passed),
          halted: (track) => this.#halted(track),
          fault: (error) => this.#fault(error),
        },
      },
      tracks,
    );
    this.#pumps.add(pump);
  }

  #advanced(pump: Pump, passed: readonly { readonly track: Track; readonly changed: boolean }[]): void {
    const served = passed.filter(({ track }) => this.#builds.isServed(track));
    if (served.length > 0)
      this.#events.advanced(
        served.map(({ track, changed }) => ({ name: track.name, position: track.position, changed })),
      );
    if (pump.tracks.length !== 1 || !pump.live || this.#settling.has(pump)) return;
    this.#settling.add(pump);
    this.#caughtUp(pump)
      .catch((error) => this.#fault(error))
      .finally(() => this.#settling.delete(pump));
  }

  /** A pump of one track has nothing left to read: swap a finished build in, and let the track ride with the others. */
  async #caughtUp(pump: Pump): Promise<void> {
    const [track] = pump.tracks;
    if (track === undefined || track.state !== "running" || pump.closed || this.#closed) return;
    if (this.#builds.growing.get(track.name) === track) {
      const served = this.#builds.servedBy(track.name);
      if (served.state === "running" && track.position < served.position) return;
      const floor = await this.#parts.source.floor?.("traffic");
      if (floor !== undefined) await this.#pruneTrack(track, floor);
      if (this.#builds.growing.get(track.name) !== track) return; // Swapped meanwhile.
      this.#swap(track);
    }
    const main = [...this.#pumps].find((other) => other !== pump && this.#takesIn(other, pump));
    if (main === undefined || track.position < main.position) return;
    pump.tracks.length = 0;
    main.tracks.push(track);
    this.#pumps.delete(pump);
    await pump.close();
  }

  /** Whether a pump feeds the same streams and is the elder: the one that others join. */
  #takesIn(elder: Pump, pump: Pump): boolean {
    if (pump.streamPrefixes !== undefined || elder.streamPrefixes !== undefined || elder.closed) return false;
    const order = [...this.#pumps];
    return order.indexOf(elder) < order.indexOf(pump);
  }

  #swap(track: Track): void {
    const old = this.#builds.servedBy(track.name);
    for (const pump of this.#pumps) {
      const at = pump.tracks.indexOf(old);
      if (at >= 0) pump.tracks.splice(at, 1);
      if (pump.tracks.length === 0) {
        this.#pumps.delete(pump);
        void pump.close();
      }
    }
    this.#builds.swap(track);
    this.#events.swapped(track.name);
    this.#events.advanced([{ name: track.name, position: track.position, changed: true }]);
    this.#rebuilds.get(track.name)?.resolve();
    this.#rebuilds.delete(track.name);
    this.#report();
  }

  #halted(track: Track): void {
    if (this.#builds.growing.get(track.name) === track) {
      const { parked } = track;
      this.#rebuilds.get(track.name)?.reject(new Error(`rebuild of ${track.name} ${track.state}: ${parked?.error}`));
      this.#rebuilds.delete(track.name);
    }
    this.#report();
  }

  async #pruneTrack(track: Track, floor: Position): Promise<void> {
    let dropped = 0;
    for (let more = track.prune(floor); more > 0; more = track.prune(floor)) {
      dropped += more;
      await new Promise((resolve) => setImmediate(resolve)); // Live events come between.
    }
    if (dropped > 0 && this.#builds.isServed(track))
      this.#events.advanced([{ name: track.name, position: track.position, changed: true }]);
  }

  async #tick(): Promise<void> {
    for (const track of this.#builds.served) if (track.state === "running") track.settle?.();
    if (![...this.#pumps].every((pump) => pump.live)) {
      try {
        this.#head = await this.#parts.source.head();
      } catch (error) {
        this.#fault(error);
      }
    }
    if (!this.#closed) this.#report();
  }

  #report(): void {
    const statuses = this.statuses();
    const text = JSON.stringify(statuses);
    if (text === this.#lastStatus) return;
    this.#lastStatus = text;
    this.#events.status(statuses);
  }

  #statusOf(track: Track): TrackStatus {
    const pump = [...this.#pumps].find((candidate) => candidate.tracks.includes(track));
    const growing = this.#builds.growing.get(track.name);
    const { name, version, position, parked } = track;
    const end = [...this.#pumps].reduce((most, next) => later(most, next.position), this.#head);
    const behind = track.state === "running" && pump?.live === true ? pump.position : end;
    const lagEvents = position >= behind ? 0 : this.#parts.source.distance(position, behind);
    const oldestWaitingAt = track.parkedAt ?? pump?.oldestWaitingAt;
    return {
      name,
      version,
      state: growing === undefined ? track.state : "rebuilding",
      position,
      lagEvents,
      ...(oldestWaitingAt === undefined ? {} : { oldestWaitingAt }),
      ...statusParked(parked ?? growing?.parked),
      ...(growing === undefined ? {} : { rebuild: { version: growing.version, position: growing.position } }),
    };
  }

  #fault(error: unknown): void {
    this.#events.fault(errorText(error));
  }
}

function statusParked(parked: ParkedAt | undefined): { readonly parked?: ParkedAt } {
  return parked === undefined ? {} : { parked };
}
