import type { BodyRef } from "@mailfold/events";
import { type Clock, hasReached, type Position, type RowsProjection, startOfLog } from "@mailfold/kernel";
import type { FoldSnapshots } from "./fold-snapshots.ts";
import type { ProjectionStatus, ReadStore } from "./port.ts";
import type { ProjectorEvents, TrackStatus } from "./projector.ts";
import { hostHere, hostInWorker, type ProjectorHost } from "./projector-host.ts";
import type { ProjectorParts } from "./projector-parts.ts";
import { ReaderThread } from "./reader-thread.ts";
import { SqlReader } from "./sql-reader.ts";

const waitersMax = 10_000;

export interface ReadStoreOptions {
  /** DATA/views.db */
  readonly path: string;
  readonly clock: Clock;
  /**
   * A module that exports ProjectorModule's createProjector, run in a worker thread with `config` (plain data); or the
   * parts themselves, run on this thread.
   */
  readonly projector:
    | { readonly moduleUrl: string | URL; readonly config: unknown }
    | { readonly parts: ProjectorParts };
  /** Faults that are being retried, one line each. */
  onFault?(text: string): void;
  /** The projector's thread ended unasked: a bug. Rows are served but no longer advance. */
  onDied?(error: Error): void;
  /** What a fold's stream holds after events that may release bodies, as of a revision of that stream. */
  onBodies?(stream: string, refs: readonly BodyRef[], revision: number): void;
}

/** A ReadStore with what only its owner uses. */
export interface OpenedReadStore extends ReadStore {
  /** Snapshots of keyed folds, kept in the same file; written by the projector. */
  readonly snapshots: FoldSnapshots;
  /** After EventStore.expire: drops rows below the new floor. Otherwise within a minute. */
  dropExpired(): Promise<void>;
}

interface Waiter {
  readonly position: Position;
  readonly projections: readonly string[];
  readonly finish: (reached: boolean) => void;
}

/** Opens views.db, starts the projector and serves rows. Resolves when every projection has rows, current or not. */
export async function openReadStore(options: ReadStoreOptions): Promise<OpenedReadStore> {
  const store = new SqliteReadStore(options);
  await store.open();
  return store;
}

class SqliteReadStore implements OpenedReadStore {
  readonly snapshots: FoldSnapshots;
  readonly #options: ReadStoreOptions;
  readonly #listeners = new Set<(projection: string, position: Position) => void>();
  readonly #waiters = new Set<Waiter>();
  readonly #positions = new Map<string, Position>();
  readonly #readerThread: ReaderThread;
  #statuses: readonly TrackStatus[] = [];
  #host: ProjectorHost | undefined;
  #reader: SqlReader | undefined;
  #died = false;

  constructor(options: ReadStoreOptions) {
    this.#options = options;
    this.#readerThread = new ReaderThread(options.path);
    this.snapshots = {
      load: (query) => this.#open().loadSnapshot(query),
      save: (snapshot) => this.#host?.saveSnapshot(snapshot),
    };
  }

  async open(): Promise<void> {
    const { path, projector } = this.#options;
    const events: ProjectorEvents & { died(error: Error): void } = {
      advanced: (changes) => this.#advanced(changes),
      status: (statuses) => this.#noteStatus(statuses),
      swapped: () => this.#reader?.refresh(),
      bodies: (stream, refs, revision) => this.#options.onBodies?.(stream, refs, revision),
      fault: (text) => this.#options.onFault?.(text),
      died: (error) => {
        this.#died = true;
        this.#options.onDied?.(error);
      },
    };
    if ("parts" in projector) this.#host = await hostHere(path, projector.parts, events);
    else {
      const { moduleUrl, config } = projector;
      this.#host = await hostInWorker({ path, moduleUrl: String(moduleUrl), config }, events);
    }
    this.#reader = new SqlReader(path);
  }

  get: ReadStore["get"] = (projection, table, key) => this.#open().get(projection, table, key);

  select: ReadStore["select"] = (projection, table, query) => this.#open().select(projection, table, query);

  selectAsync: ReadStore["selectAsync"] = (projection, table, query) =>
    this.#readerThread.select(projection, table, query);

  hash(projection: RowsProjection): Promise<string> {
    return this.#readerThread.hash(projection);
  }

  status(): readonly ProjectionStatus[] {
    const now = this.#options.clock.now();
    return this.#statuses.map(({ oldestWaitingAt, ...status }) => ({
      ...status,
      state: this.#died ? "stopped" : status.state,
      position: this.#positions.get(status.name) ?? status.position,
      lagSeconds:
        oldestWaitingAt === undefined || status.lagEvents === 0 ? 0 : Math.max(0, now - oldestWaitingAt) / 1_000,
    }));
  }

  waitFor: ReadStore["waitFor"] = (position, { projections, timeoutMs }) => {
    if (this.#hasPassed(position, projections)) return Promise.resolve(true);
    if (this.#waiters.size >= waitersMax) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (reached: boolean) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      const waiter: Waiter = { position, projections, finish };
      this.#waiters.add(waiter);
    });
  };

  rebuild(projection: string): Promise<void> {
    return this.#running().rebuild(projection);
  }

  dropExpired(): Promise<void> {
    return this.#running().prune();
  }

  onAdvance(listener: (projection: string, position: Position) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    for (const waiter of this.#waiters) waiter.finish(false);
    const host = this.#host;
    this.#host = undefined;
    await this.#readerThread.close();
    this.#reader?.close();
    this.#reader = undefined;
    await host?.close();
  }

  #advanced(
    changes: readonly { readonly name: string; readonly position: Position; readonly changed: boolean }[],
  ): void {
    for (const { name, position } of changes) this.#positions.set(name, position);
    // Caches first: whoever waited must not read what was cached before.
    for (const { name, position, changed } of changes) {
      if (changed) for (const listener of this.#listeners) listener(name, position);
    }
    for (const waiter of this.#waiters) {
      if (this.#hasPassed(waiter.position, waiter.projections)) waiter.finish(true);
    }
  }

  #noteStatus(statuses: readonly TrackStatus[]): void {
    this.#statuses = statuses;
    for (const { name, position } of statuses) this.#positions.set(name, position);
  }

  #hasPassed(position: Position, projections: readonly string[]): boolean {
    return projections.every((name) => hasReached(this.#positions.get(name) ?? startOfLog, position));
  }

  #open(): SqlReader {
    if (this.#reader === undefined) throw new Error("the read store is closed");
    return this.#reader;
  }

  #running(): ProjectorHost {
    if (this.#host === undefined) throw new Error("the read store is closed");
    return this.#host;
  }
}
