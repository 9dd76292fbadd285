import type { FoldWorld, KeyedFold, RecordedEvent } from "@mailfold/kernel";
import { streamKey } from "@mailfold/kernel";
import { FoldEntry } from "./fold-entry.ts";
import type { FoldSnapshots } from "./fold-snapshots.ts";
import { loadState, saveState } from "./fold-states.ts";
import type { FoldHandle, FoldRunner } from "./port.ts";
import type { EventSource } from "./projector-parts.ts";

/** States without holders that stay in memory, so that a client that comes back finds its mailbox folded. */
const closedStatesMax = 64;
/** Events beyond the last snapshot that make a new one worth writing: in memory, and when a state leaves it. */
const snapshotEvery = 500;
const snapshotEveryEvicted = 64;
const liveRetryMs = 250;
/** Live events are followed this much longer than anybody holds a state. */
const liveLingerMs = 5_000;

export interface FoldRunnerOptions<State, Outcome> {
  readonly fold: KeyedFold<State, Outcome>;
  /** Streams are read for tails; one subscription per runner pushes live events while any handle is open. */
  readonly source: Pick<EventSource, "readStream" | "subscribe" | "head">;
  readonly snapshots: FoldSnapshots;
  /** Default: no restore has happened. */
  readonly world?: FoldWorld;
  /** A fault of the live subscription that is being retried, as one line. */
  onFault?(text: string): void;
}

/** Opens a runner of one keyed fold: states by snapshot and stream tail, shared by all who have the same key open. */
export function openFoldRunner<State, Outcome>(options: FoldRunnerOptions<State, Outcome>): FoldRunner<State, Outcome> {
  return new KeyedFoldRunner(options);
}

class KeyedFoldRunner<State, Outcome> implements FoldRunner<State, Outcome> {
  readonly fold: KeyedFold<State, Outcome>;
  readonly #options: FoldRunnerOptions<State, Outcome>;
  readonly #world: FoldWorld;
  readonly #held = new Map<string, FoldEntry<State, Outcome>>();
  /** Least recently released first. */
  readonly #closed = new Map<string, FoldEntry<State, Outcome>>();
  #live: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #linger: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: FoldRunnerOptions<State, Outcome>) {
    this.#options = options;
    this.fold = options.fold;
    this.#world = options.world ?? { restoredAt: 0 };
  }

  async open(key: string): Promise<FoldHandle<State, Outcome>> {
    if (this.#ended) throw new Error(`the ${this.fold.name} runner is closed`);
    const entry = this.#entry(key);
    entry.holders += 1;
    this.#startLive();
    try {
      await entry.refresh();
    } catch (error) {
      this.#release(entry);
      throw error;
    }
    return entry.handle(() => this.#release(entry));
  }

  async close(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#linger);
    this.#live?.abort.abort();
    await this.#live?.done;
    for (const entry of [...this.#held.values(), ...this.#closed.values()]) {
      entry.end(new Error(`the ${this.fold.name} runner is closed`));
      this.#save(entry, snapshotEveryEvicted);
    }
    this.#held.clear();
    this.#closed.clear();
  }

  #entry(key: string): FoldEntry<State, Outcome> {
    const known = this.#held.get(key) ?? this.#closed.get(key);
    this.#closed.delete(key);
    const entry = known ?? this.#load(key);
    this.#held.set(key, entry);
    return entry;
  }

  #load(key: string): FoldEntry<State, Outcome> {
    const folded = loadState(this.fold, key, this.#options.snapshots, this.#world);
    const entry: FoldEntry<State, Outcome> = new FoldEntry(this.fold, folded, {
      readStream: (stream, options) => this.#options.source.readStream(stream, options),
      applied: () => this.#save(entry, snapshotEvery),
      failed: () => this.#drop(entry),
    });
    return entry;
  }

  #save(entry: FoldEntry<State, Outcome>, eventsMin: number): void {
    if (entry.failure !== undefined) return;
    saveState(this.fold, entry.folded, this.#options.snapshots, { world: this.#world, eventsMin });
  }

  #release(entry: FoldEntry<State, Outcome>): void {
    entry.holders -= 1;
    if (entry.holders > 0 || this.#held.get(entry.folded.key) !== entry) return;
    this.#held.delete(entry.folded.key);
    this.#closed.set(entry.folded.key, entry);
    if (this.#held.size === 0 && !this.#ended) this.#linger = setTimeout(() => this.#stopLive(), liveLingerMs).unref();
    const [oldest] = this.#closed.values();
    if (this.#closed.size <= closedStatesMax || oldest === undefined) return;
    this.#closed.delete(oldest.folded.key);
    this.#save(oldest, snapshotEveryEvicted);
  }

  /** A state that cannot be folded on is forgotten: the next open starts from its snapshot again. */
  #drop(entry: FoldEntry<State, Outcome>): void {
    if (this.#held.get(entry.folded.key) === entry) this.#held.delete(entry.folded.key);
  }

  #stopLive(): void {
    if (this.#held.size > 0) return;
    this.#live?.abort.abort();
    this.#live = undefined;
  }

  #startLive(): void {
    clearTimeout(this.#linger);
    if (this.#live !== undefined) return;
    const abort = new AbortController();
    this.#live = { abort, done: this.#follow(abort.signal) };
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { source, onFault } = this.#options;
    while (!signal.aborted) {
      try {
        const after = await source.head();
        // What happened while nobody listened is in no push to come.
        for (const entry of this.#held.values()) void entry.refresh().catch(() => undefined);
        const streamPrefixes = [`${this.fold.category}-`];
        for await (const message of source.subscribe({ after, signal, filter: { streamPrefixes } })) {
          if (signal.aborted) return;
          if (message.type === "event") this.#push(message.event);
        }
      } catch (error) {
        if (signal.aborted) return;
        onFault?.(error instanceof Error ? error.message : String(error));
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, liveRetryMs));
    }
  }

  #push(event: RecordedEvent): void {
    this.#held.get(streamKey(event.stream))?.push(event);
  }
}
