import { randomUUID } from "node:crypto";
import type { EventCodec, LifeClass, StoredEvent } from "@mailfold/events";
import { lifeClassOf, streams } from "@mailfold/events";
import type { Clock, Position, RecordedEvent } from "@mailfold/kernel";
import { hasReached, startOfLog } from "@mailfold/kernel";
import { checkAppends } from "../append-rules.ts";
import { HeadWaiters, subscribeToLog } from "../catch-up.ts";
import { matchesFilter } from "../event-filter.ts";
import type { Append, AppendConflict, AppendResult, EventStore, ReadAllOptions, ReadStreamOptions } from "../port.ts";
import { EventStoreFault } from "../port.ts";

const positionDigits = 16;
const dayMs = 86_400_000;

/** A log in memory, for tests: the same promises as the others, without the disk. Begins with `LogCreated`. */
export async function openMemoryEventStore(options: {
  readonly codec: EventCodec;
  readonly clock: Clock;
}): Promise<EventStore> {
  const store = new MemoryEventStore(options.codec);
  const at = options.clock.now();
  const data = { epoch: store.epochId, at };
  const metadata = { actor: { type: "system", id: "log" } } as const;
  await store.append({
    stream: streams.platformLog,
    expected: "none",
    events: [{ id: randomUUID(), type: "LogCreated", data, metadata, occurredAt: at }],
  });
  return store;
}

class MemoryEventStore implements EventStore {
  readonly appendsAtomically = true;
  readonly epochId = randomUUID();
  readonly #codec: EventCodec;
  readonly #waiters = new HeadWaiters();
  #events: StoredEvent[] = [];
  #streams = new Map<string, StoredEvent[]>();
  #last = 0;
  #trafficFloor: Position = startOfLog;
  #closed = false;

  constructor(codec: EventCodec) {
    this.#codec = codec;
  }

  async append(appends: Append | readonly Append[]): Promise<AppendResult> {
    if (this.#closed) throw new EventStoreFault("closed", "the log is closed");
    const list: readonly Append[] = "stream" in appends ? [appends] : appends;
    checkAppends(list);
    const replay = list.map((append) => this.#replayOf(append));
    if (replay.every((place) => place !== undefined)) {
      const position = replay
        .map((place) => place.position)
        .reduce((later, each) => (hasReached(each, later) ? each : later));
      return { ok: true, position, revisions: replay.map((place) => place.revision), replayed: true };
    }
    const heads = new Map<string, number>();
    for (const append of list) {
      const conflict = this.#conflictOf(append, heads.get(append.stream) ?? this.#headOf(append.stream));
      if (conflict !== undefined) return conflict;
      heads.set(append.stream, (heads.get(append.stream) ?? this.#headOf(append.stream)) + append.events.length);
    }
    const revisions = list.map((append) => this.#write(append));
    this.#waiters.advance(this.#position(this.#last));
    return { ok: true, position: this.#position(this.#last), revisions, replayed: false };
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncGenerator<RecordedEvent> {
    const forwards = options.direction !== "backwards";
    const from = options.from ?? (forwards ? 0 : Number.MAX_SAFE_INTEGER);
    const all = this.#streams.get(stream) ?? [];
    const wanted = all.filter(({ revision }) => (forwards ? revision >= from : revision <= from));
    if (!forwards) wanted.reverse();
    for (const stored of wanted.slice(0, options.limit)) yield this.#codec.decode(stored);
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent> {
    const { after, direction, filter, limit } = options;
    const forwards = direction !== "backwards";
    const wanted = this.#events.filter(
      ({ position, stream, wireType }) =>
        (after === undefined || (forwards ? position > after : position < after)) &&
        matchesFilter(filter, stream, this.#codec.nameOf(wireType)),
    );
    if (!forwards) wanted.reverse();
    for (const stored of wanted.slice(0, limit)) yield this.#codec.decode(stored);
  }

  subscribe(options?: Parameters<EventStore["subscribe"]>[0]): ReturnType<EventStore["subscribe"]> {
    const closed = (): boolean => this.#closed;
    return subscribeToLog(
      {
        readPage: (after, { filter, limit }) => this.#page(after, filter, limit),
        waitBeyond: async (position, signal) => {
          if (this.#closed || this.#position(this.#last) > position) return;
          await this.#waiters.wait(position, signal);
        },
        get closed() {
          return closed();
        },
      },
      options,
    );
  }

  async head(): Promise<Position> {
    return this.#position(this.#last);
  }

  async floor(lifeClass: LifeClass): Promise<Position> {
    return lifeClass === "traffic" ? this.#trafficFloor : startOfLog;
  }

  async epoch(): Promise<string> {
    return this.epochId;
  }

  distance(from: Position, to: Position): number {
    return Math.max(0, Number(to) - Number(from));
  }

  async expire(lifeClass: LifeClass, olderThan: number): Promise<number> {
    if (lifeClass !== "traffic") return 0;
    const goes = ({ stream, occurredAt }: StoredEvent): boolean =>
      lifeClassOf(stream) === "traffic" &&
      !stream.startsWith("quarantine-") &&
      (Math.floor(occurredAt / dayMs) + 1) * dayMs <= olderThan;
    const gone = this.#events.filter(goes);
    this.#keep((event) => !goes(event));
    const last = gone.at(-1);
    if (last !== undefined) this.#trafficFloor = this.#position(Number(last.position) + 1);
    return gone.length;
  }

  async deleteStreams(names: readonly string[]): Promise<void> {
    this.#keep(({ stream }) => !names.includes(stream));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiters.wakeAll();
  }

  #page(after: Position, filter: ReadAllOptions["filter"], limit: number) {
    const events: RecordedEvent[] = [];
    let start = this.#events.findIndex(({ position }) => position > after);
    if (start < 0) start = this.#events.length;
    for (const stored of this.#events.slice(start)) {
      if (!matchesFilter(filter, stored.stream, this.#codec.nameOf(stored.wireType))) continue;
      events.push(this.#codec.decode(stored));
      if (events.length === limit) break;
    }
    const last = events.at(-1);
    const head = this.#position(this.#last);
    const next = last !== undefined && events.length === limit ? last.position : head;
    return { events, next: next > after ? next : after, atHead: next >= head };
  }

  #keep(stays: (event: StoredEvent) => boolean): void {
    this.#events = this.#events.filter(stays);
    this.#streams = Map.groupBy(this.#events, ({ stream }) => stream);
  }

  #headOf(stream: string): number {
    return this.#streams.get(stream)?.at(-1)?.revision ?? -1;
  }

  #replayOf({ stream, expected, events }: Append): StoredEvent | undefined {
    const stored = this.#streams.get(stream) ?? [];
    const numeric = expected === "none" ? 0 : Number(expected) + 1;
    const first = expected === "any" ? stored.find(({ id }) => id === events[0]?.id)?.revision : numeric;
    if (first === undefined) return undefined;
    const places = events.map((event, offset) =>
      stored.find(({ id, revision }) => revision === first + offset && id === event.id),
    );
    return places.every((place) => place !== undefined) ? places.at(-1) : undefined;
  }

  #conflictOf({ stream, expected }: Append, actual: number): AppendConflict | undefined {
    if (expected === "any" || (expected === "none" ? -1 : expected) === actual) return undefined;
    return { ok: false, stream, expected, actual };
  }

  #write({ stream, events }: Append): number {
    const stored = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, stored);
    for (const event of events) {
      const revision = (stored.at(-1)?.revision ?? -1) + 1;
      this.#last += 1;
      const wire = { ...this.#codec.encode(stream, event), stream, revision, position: this.#position(this.#last) };
      stored.push(wire);
      this.#events.push(wire);
    }
    return stored.at(-1)?.revision ?? -1;
  }

  #position(value: number): Position {
    return value === 0 ? startOfLog : (String(value).padStart(positionDigits, "0") as Position);
  }
}
