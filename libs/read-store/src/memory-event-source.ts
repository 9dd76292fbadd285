import { type LifeClass, lifeClassOf } from "@mailfold/events";
import type { DomainEvent, EventMetadata, Position, RecordedEvent } from "@mailfold/kernel";
import type { EventSource, SourceMessage } from "./projector-parts.ts";

/** An event as a test writes it: the source gives it its place. */
export interface SourceEvent extends DomainEvent {
  readonly stream: string;
  readonly occurredAt?: number;
  readonly metadata?: Partial<EventMetadata>;
}

/** A log in memory, for tests of readers: append, then read like any EventSource. */
export class MemoryEventSource implements EventSource {
  #events: RecordedEvent[] = [];
  #last = 0;
  #floor = "" as Position;
  #epoch: string;
  readonly #revisions = new Map<string, number>();
  readonly #wakers = new Set<() => void>();
  /** Throws from the next so many reads, as a store that is unavailable does. */
  failures = 0;

  constructor(epoch = "epoch-1") {
    this.#epoch = epoch;
  }

  append(...events: readonly SourceEvent[]): readonly RecordedEvent[] {
    const recorded = events.map(({ type, data, stream, occurredAt, metadata }): RecordedEvent => {
      this.#last += 1;
      const revision = (this.#revisions.get(stream) ?? -1) + 1;
      this.#revisions.set(stream, revision);
      return {
        id: `event-${this.#last}`,
        type,
        data,
        stream,
        revision,
        position: memoryPosition(this.#last),
        occurredAt: occurredAt ?? this.#last * 1_000,
        metadata: { actor: { type: "system", id: "test" }, ...metadata },
      };
    });
    this.#events.push(...recorded);
    for (const wake of this.#wakers) wake();
    return recorded;
  }

  /** Traffic before a position goes, as EventStore.expire does. */
  expire(floor: Position): void {
    this.#floor = floor;
    this.#events = this.#events.filter((event) => lifeClassOf(event.stream) !== "traffic" || event.position >= floor);
  }

  async *subscribe(options: Parameters<EventSource["subscribe"]>[0] = {}): AsyncGenerator<SourceMessage> {
    const { after = "" as Position, filter, signal } = options;
    let position = after;
    let caughtUp = false;
    while (signal?.aborted !== true) {
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error("log unavailable");
      }
      const page = this.#events.filter((event) => event.position > position).slice(0, 256);
      for (const event of page) {
        position = event.position;
        const prefixes = filter?.streamPrefixes;
        if (prefixes === undefined || prefixes.some((prefix) => event.stream.startsWith(prefix)))
          yield { type: "event", event };
      }
      if (page.length > 0) {
        yield { type: "checkpoint", position };
        continue;
      }
      if (!caughtUp) yield { type: "caughtUp", position };
      caughtUp = true;
      if (this.#last > 0 && (this.#events.at(-1)?.position ?? "") > position) continue;
      await this.#woken(signal);
    }
  }

  async *readStream(stream: string, options: { readonly from?: number; readonly limit?: number } = {}) {
    const { from = 0, limit = Number.POSITIVE_INFINITY } = options;
    let count = 0;
    for (const event of this.#events) {
      if (event.stream !== stream || event.revision < from) continue;
      if (count >= limit) return;
      count += 1;
      yield event;
    }
  }

  head(): Promise<Position> {
    return Promise.resolve(this.#events.at(-1)?.position ?? ("" as Position));
  }

  distance(from: Position, to: Position): number {
    return this.#events.filter((event) => event.position > from && event.position <= to).length;
  }

  epoch(): Promise<string> {
    return Promise.resolve(this.#epoch);
  }

  floor(lifeClass: LifeClass): Promise<Position> {
    return Promise.resolve(lifeClass === "traffic" ? this.#floor : ("" as Position));
  }

  /** All events still readable. */
  get events(): readonly RecordedEvent[] {
    return this.#events;
  }

  #woken(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal?.addEventListener("abort", wake);
      if (signal?.aborted) wake();
    });
  }
}

/** Positions of the memory source: fixed width, ordered as text. */
export function memoryPosition(number: number): Position {
  return String(number).padStart(16, "0") as Position;
}
