/** An event as the double keeps it: bytes and system metadata, as the server would. */
export interface LoggedEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly customMetadata: Uint8Array;
  readonly stream: string;
  readonly revision: number;
  readonly position: bigint;
  readonly createdMs: number;
}
export type ProposedEvent = Pick<LoggedEvent, "id" | "type" | "contentType" | "data" | "customMetadata">;
export type ExpectedState = "any" | "noStream" | "streamExists" | number;

export type AppendDecision =
  | { readonly kind: "written"; readonly revision: number; readonly position: bigint }
  | { readonly kind: "wrongVersion"; readonly current: number }
  | { readonly kind: "deleted" };

interface StreamMetadata {
  readonly maxCount?: number;
  readonly truncateBefore?: number;
  readonly maxAgeSeconds?: number;
}

/** `$tb` of a soft-deleted stream, as the server writes it. */
const softDeleted = Number.MAX_SAFE_INTEGER;

/**
 * The log behind the double: one global order, streams, metadata streams, deletes and the server's idempotency checks.
 * Kept apart from the network so that a "restarted" server finds its data, and several nodes may share one log.
 */
export class DoubleLog {
  readonly all: LoggedEvent[] = [];
  readonly #streams = new Map<string, LoggedEvent[]>();
  readonly #tombstones = new Set<string>();
  readonly #recentIds = new Map<string, LoggedEvent>();
  readonly #listeners = new Set<() => void>();
  #end = 0n;

  /** What a restart or cache eviction does: `any` appends are no longer recognised, numeric ones still are. */
  forgetRecentIds(): void {
    this.#recentIds.clear();
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Decides and writes as the server's index writer does. All events of one append are written or none. */
  append(stream: string, expected: ExpectedState, events: readonly ProposedEvent[]): AppendDecision {
    if (this.#tombstones.has(stream)) return { kind: "deleted" };
    const raw = this.#streams.get(stream) ?? [];
    const current = raw.length - 1;
    const replay = this.#replayOf(stream, expected, events);
    if (replay) return { kind: "written", revision: replay.revision, position: replay.position };
    const isSoftDeleted = this.#metadataOf(stream).truncateBefore === softDeleted;
    const visible = isSoftDeleted ? -1 : current;
    const accepted =
      expected === "any" ||
      (expected === "streamExists" && visible >= 0) ||
      (expected === "noStream" && visible < 0) ||
      expected === current;
    if (!accepted) return { kind: "wrongVersion", current: visible };
    if (isSoftDeleted) this.#write(`$$${stream}`, [metadataEvent({ $tb: current + 1 })]);
    const last = this.#write(stream, events);
    for (const listener of [...this.#listeners]) listener();
    return { kind: "written", revision: last.revision, position: last.position };
  }

  /** Soft delete: the stream reads as not found and may be created again; revisions continue. */
  softDelete(stream: string): void {
    this.#write(`$$${stream}`, [metadataEvent({ $tb: softDeleted })]);
    for (const listener of [...this.#listeners]) listener();
  }

  /** Hard delete: the name can never be used again. */
  tombstone(stream: string): void {
    if (this.#tombstones.has(stream)) return;
    this.#write(stream, [{ ...metadataEvent({}), type: "$streamDeleted" }]);
    this.#tombstones.add(stream);
    for (const listener of [...this.#listeners]) listener();
  }

  /** -1 when there is no such stream. */
  lastRevision(stream: string): number {
    return (this.#streams.get(stream)?.length ?? 0) - 1;
  }

  isTombstoned(stream: string): boolean {
    return this.#tombstones.has(stream);
  }

  /** What a stream read may see: cut by $tb, $maxCount and $maxAge. Undefined = not found. */
  visibleStream(stream: string): readonly LoggedEvent[] | undefined {
    const raw = this.#streams.get(stream);
    const { truncateBefore = 0, maxCount, maxAgeSeconds } = this.#metadataOf(stream);
    if (raw === undefined || truncateBefore === softDeleted) return undefined;
    const from = Math.max(truncateBefore, maxCount === undefined ? 0 : raw.length - maxCount);
    const youngest = maxAgeSeconds === undefined ? 0 : Date.now() - maxAgeSeconds * 1000;
    return raw.filter((event) => event.revision >= from && event.createdMs >= youngest);
  }

  /** Removes for good what no stream read may see: until then $all still shows it, as on the server. */
  scavenge(): void {
    const kept = this.all.filter((event) => {
      if (this.#tombstones.has(event.stream)) return event.type === "$streamDeleted";
      return (this.visibleStream(event.stream) ?? []).some((visible) => visible.revision === event.revision);
    });
    this.all.splice(0, this.all.length, ...kept);
  }

  /** Index in `all` of the first event at or after a position. */
  indexOf(position: bigint): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.all[middle] as LoggedEvent).position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #write(stream: string, events: readonly ProposedEvent[]): LoggedEvent {
    const raw = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, raw);
    let last: LoggedEvent | undefined;
    for (const event of events) {
      last = { ...event, stream, revision: raw.length, position: this.#end, createdMs: Date.now() };
      this.#end += BigInt(100 + event.data.length + event.customMetadata.length);
      raw.push(last);
      this.all.push(last);
      this.#recentIds.set(event.id, last);
    }
    if (last === undefined) throw new Error("an append needs an event");
    return last;
  }

  /** Numeric expectations compare ids with what lies there (strong); `any` asks a cache (best effort). */
  #replayOf(stream: string, expected: ExpectedState, events: readonly ProposedEvent[]): LoggedEvent | undefined {
    if (expected === "streamExists") return undefined;
    if (expected === "any") {
      const found = events.map((event) => this.#recentIds.get(event.id));
      return found.every((event) => event?.stream === stream) ? found.at(-1) : undefined;
    }
    const raw = this.#streams.get(stream) ?? [];
    const first = expected === "noStream" ? 0 : expected + 1;
    const there = raw.slice(first, first + events.length);
    const same = there.length === events.length && events.every((event, index) => there[index]?.id === event.id);
    return same ? there.at(-1) : undefined;
  }

  #metadataOf(stream: string): StreamMetadata {
    const event = this.#streams.get(`$$${stream}`)?.at(-1);
    if (!event) return {};
    const json = JSON.parse(Buffer.from(event.data).toString("utf8")) as Record<string, number>;
    return {
      ...(json.$maxCount === undefined ? {} : { maxCount: json.$maxCount }),
      ...(json.$tb === undefined ? {} : { truncateBefore: json.$tb }),
      ...(json.$maxAge === undefined ? {} : { maxAgeSeconds: json.$maxAge }),
    };
  }
}

function metadataEvent(metadata: Readonly<Record<string, number>>): ProposedEvent {
  return {
    id: crypto.randomUUID(),
    type: "$metadata",
    contentType: "application/json",
    data: Buffer.from(JSON.stringify(metadata)),
    customMetadata: new Uint8Array(),
  };
}
