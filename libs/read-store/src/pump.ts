import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { earliest, later } from "./position-order.ts";
import type { EventSource, SourceMessage } from "./projector-parts.ts";
import type { Halt, Track } from "./track.ts";
import { inTransaction } from "./views-database.ts";

/** Most events in one transaction, and the pause after one while events keep coming. */
const batchMax = 500;
const flushSpacingMs = 5;
/** How often a checkpoint is written for tracks that no event concerned. */
const persistEveryMs = 1_000;
const retryDelayMsMax = 5_000;

/** What a pump tells its projector. */
interface PumpReport {
  /** Tracks that passed a position; `changed` = rows were touched. */
  advanced(tracks: readonly { readonly track: Track; readonly changed: boolean }[]): void;
  /** A track parked or stopped. */
  halted(track: Track): void;
  /** A fault that is being retried. */
  fault(error: unknown): void;
}

export interface PumpOptions {
  readonly db: DatabaseSync;
  readonly source: EventSource;
  readonly readerGeneration: number;
  isKnownType(type: string): boolean;
  /** Only these streams; all when absent. */
  readonly streamPrefixes?: readonly string[];
  readonly report: PumpReport;
}

/** One subscription that feeds tracks in order: batches, one transaction for rows and checkpoints, poison kept to its track. */
export class Pump {
  readonly tracks: Track[];
  /** Everything up to here has been offered to the tracks. */
  position: Position;
  /** Nothing was left to read when last heard. */
  live = false;
  readonly #options: PumpOptions;
  readonly #abort = new AbortController();
  readonly #checkpoint: StatementSync;
  readonly #done: Promise<void>;
  #queue: RecordedEvent[] = [];
  #through: Position;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #flushing: Promise<void> | undefined;
  #lastFlushAt = 0;
  #lastEventAt: number | undefined;
  #lastPersistAt = 0;

  constructor(options: PumpOptions, tracks: readonly Track[]) {
    this.#options = options;
    this.tracks = [...tracks];
    this.position = earliest(tracks.map((track) => track.position));
    this.#through = this.position;
    this.#checkpoint = options.db.prepare("UPDATE projection_builds SET checkpoint = ? WHERE name = ? AND label = ?");
    this.#done = this.#run();
  }

  /** When the oldest event not yet applied happened, or while reading the log one shortly before it; undefined when none waits. */
  get oldestWaitingAt(): number | undefined {
    return this.#queue[0]?.occurredAt ?? (this.live ? undefined : this.#lastEventAt);
  }

  /** The streams it feeds; undefined = all. */
  get streamPrefixes(): readonly string[] | undefined {
    return this.#options.streamPrefixes;
  }

  get closed(): boolean {
    return this.#abort.signal.aborted;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    await this.#flushing?.catch(() => undefined);
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    for (const track of this.tracks) if (track.state === "running") track.closing?.();
    inTransaction(this.#options.db, () => this.#persistIdle([]));
  }

  async #run(): Promise<void> {
    let delayMs = 50;
    while (!this.closed) {
      const before = this.position;
      try {
        await this.#consume();
        if (this.closed) return;
        throw new Error("the log ended the subscription");
      } catch (error) {
        if (this.closed) return;
        this.live = false;
        this.#options.report.fault(error);
        delayMs = this.position === before ? Math.min(delayMs * 2, retryDelayMsMax) : 50;
        await pause(delayMs, this.#abort.signal);
      }
    }
  }

  async #consume(): Promise<void> {
    await this.#flushing;
    this.#queue = [];
    this.#through = this.position;
    const { streamPrefixes } = this.#options;
    const messages = this.#options.source.subscribe({
      after: this.position,
      signal: this.#abort.signal,
      ...(streamPrefixes === undefined ? {} : { filter: { streamPrefixes } }),
    });
    for await (const message of messages) {
      if (this.closed) return;
      this.#take(message);
      if (this.#queue.length >= batchMax) await this.#flushNow();
      else this.#schedule();
    }
    await this.#flushNow();
  }

  #take(message: SourceMessage): void {
    if (message.type === "event") {
      this.#queue.push(message.event);
      this.#through = message.event.position;
      return;
    }
    this.#through = later(this.#through, message.position);
    if (message.type !== "checkpoint") this.live = message.type === "caughtUp";
  }

  /** Idle: at once, after what can be read without waiting. Busy: batches grow for a few milliseconds. */
  #schedule(): void {
    if (this.#timer !== undefined || this.#flushing !== undefined) return;
    const waitMs = this.#lastFlushAt + flushSpacingMs - performance.now();
    const work = () => {
      this.#timer = undefined;
      void this.#flushNow();
    };
    this.#timer = waitMs > 1 ? setTimeout(work, waitMs) : setImmediate(work);
  }

  /** Offers what is queued to the tracks; retries until the store takes it or the pump closes. */
  #flushNow(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flushAll(): Promise<void> {
    let delayMs = 50;
    while (!this.closed && (this.#queue.length > 0 || this.#through > this.position)) {
      const events = this.#queue;
      const through = this.#through;
      this.#queue = [];
      try {
        await this.#flush(events, through);
        delayMs = 50;
      } catch (error) {
        this.#queue = [...events, ...this.#queue];
        for (const track of this.tracks) track.reset?.();
        this.#options.report.fault(error);
        await pause(delayMs, this.#abort.signal);
        delayMs = Math.min(delayMs * 2, retryDelayMsMax);
      }
      this.#lastFlushAt = performance.now();
    }
  }

  async #flush(events: readonly RecordedEvent[], through: Position): Promise<void> {
    const work: TrackWork[] = [];
    for (const track of this.tracks) {
      if (track.state !== "running" || track.position >= through) continue;
      work.push(selectWork(track, events, through, this.#options));
    }
    for (const { track, events: wanted } of work) {
      // No await where there is nothing to wait for: tracks may be swapped between turns.
      if (wanted.length > 0 && track.prepare !== undefined) await track.prepare(wanted);
    }
    const now = performance.now();
    const persistIdle = now - this.#lastPersistAt > persistEveryMs;
    const results = work.map((item) => ({ item, changed: false, halt: item.halt }));
    if (persistIdle || work.some((item) => item.events.length > 0)) {
      inTransaction(this.#options.db, () => {
        for (const result of results) this.#applyWork(result);
        if (persistIdle) this.#persistIdle(work);
      });
      if (persistIdle) this.#lastPersistAt = now;
    }
    this.position = later(this.position, through);
    this.#lastEventAt = events.at(-1)?.occurredAt ?? this.#lastEventAt;
    for (const { item, halt } of results) this.#settle(item, halt);
    this.#options.report.advanced(results.map(({ item, changed }) => ({ track: item.track, changed })));
    for (const { item } of results) if (item.track.state !== "running") this.#options.report.halted(item.track);
  }

  #applyWork(result: { readonly item: TrackWork; changed: boolean; halt: WorkHalt | undefined }): void {
    const { item } = result;
    if (item.events.length === 0) return;
    const { track, events } = item;
    const applied = track.applyBatch(events);
    result.changed = applied.changed;
    if (applied.halt !== undefined) result.halt = haltAt(item, applied.halt);
    this.#persist(track, result.halt?.reached ?? item.through);
  }

  #settle({ track, through }: TrackWork, halt: WorkHalt | undefined): void {
    track.position = halt?.reached ?? through;
    if (halt === undefined) return;
    const { id, type, position, occurredAt } = halt.event;
    track.state = halt.state;
    track.parked = { eventId: id, type, position, error: halt.error };
    track.parkedAt = occurredAt;
  }

  #persist(track: Track, position: Position): void {
    this.#checkpoint.run(position, track.set.projection, track.set.label);
    track.persisted = position;
  }

  /** Checkpoints of tracks that merely passed events, save those that `work` has just written. */
  #persistIdle(work: readonly TrackWork[]): void {
    for (const track of this.tracks) {
      const busy = work.find((item) => item.track === track);
      if (busy !== undefined && busy.events.length > 0) continue;
      if (track.persisted < track.position) this.#persist(track, track.position);
    }
  }
}

interface WorkHalt {
  readonly state: "parked" | "stopped";
  readonly event: RecordedEvent;
  readonly error: string;
  /** Where the track stands: the last event before the halt. */
  readonly reached: Position;
}
interface TrackWork {
  readonly track: Track;
  readonly events: readonly RecordedEvent[];
  readonly through: Position;
  readonly halt: WorkHalt | undefined;
}

/** What of a batch concerns a track: up to an event that needs newer code than this. */
function selectWork(
  track: Track,
  events: readonly RecordedEvent[],
  through: Position,
  options: Pick<PumpOptions, "readerGeneration" | "isKnownType">,
): TrackWork {
  const wanted: RecordedEvent[] = [];
  let reached = track.position;
  for (const event of events) {
    if (event.position <= track.position) continue;
    const wants = track.wants(event);
    const minReader = event.metadata.minReader ?? 0;
    if (minReader > options.readerGeneration && (wants || !options.isKnownType(event.type))) {
      const error = `needs code of reader generation ${minReader}, this is ${options.readerGeneration}`;
      return { track, events: wanted, through: reached, halt: { state: "stopped", event, error, reached } };
    }
    if (wants) wanted.push(event);
    reached = event.position;
  }
  return { track, events: wanted, through, halt: undefined };
}

function haltAt(item: TrackWork, halt: Halt): WorkHalt {
  const event = item.events[halt.index] as RecordedEvent;
  const reached = item.events[halt.index - 1]?.position ?? item.track.position;
  return { state: "parked", event, error: halt.error, reached };
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener("abort", finish);
    if (signal.aborted) finish();
  });
}
