import type { LifeClass } from "@mailfold/events";
import type { NewEvent, Position, RecordedEvent } from "@mailfold/kernel";

/** Revision of the stream's last event as the writer read it; `none` = no such stream yet; `any` = do not care. */
export type ExpectedRevision = number | "none" | "any";

export interface Append {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  /** At least one, at most 1,000. */
  readonly events: readonly NewEvent[];
}

export interface AppendOk {
  readonly ok: true;
  /** Position of the last event appended. */
  readonly position: Position;
  /** Per append, the revision of its last event. */
  readonly revisions: readonly number[];
  /** True when the same event ids were already there and nothing was written. */
  readonly replayed: boolean;
}
export interface AppendConflict {
  readonly ok: false;
  readonly stream: string;
  readonly expected: ExpectedRevision;
  /** -1 when the stream does not exist. */
  readonly actual: number;
}
export type AppendResult = AppendOk | AppendConflict;

/** Both parts must match; an absent part matches all. Types are event names without wire version. */
export interface EventFilter {
  readonly streamPrefixes?: readonly string[];
  readonly types?: readonly string[];
}

export interface ReadAllOptions {
  /** Exclusive. Forwards default: start of log. Backwards default: end. */
  readonly after?: Position;
  readonly direction?: "forwards" | "backwards";
  readonly filter?: EventFilter;
  readonly limit?: number;
}
export interface ReadStreamOptions {
  /** Inclusive revision; default 0 forwards, last backwards. */
  readonly from?: number;
  readonly direction?: "forwards" | "backwards";
  readonly limit?: number;
}

/** What a subscription yields, in order. */
export type SubscriptionMessage =
  | { readonly type: "event"; readonly event: RecordedEvent }
  /** Nothing older than this is outstanding; filtered-out events move it forward. */
  | { readonly type: "checkpoint"; readonly position: Position }
  /** Everything there was has been delivered; what follows is live. */
  | { readonly type: "caughtUp"; readonly position: Position }
  /** Live delivery fell behind and reads from the log again. */
  | { readonly type: "fellBehind"; readonly position: Position };

export interface SubscribeOptions {
  /** Exclusive; default start of log. */
  readonly after?: Position;
  readonly filter?: EventFilter;
  /** Most messages held for a slow consumer; default 512. Beyond it the log itself is the buffer. */
  readonly bufferMax?: number;
  readonly signal?: AbortSignal;
}

/** Faults a store throws. `unavailable` may be retried; `closed`, `corrupt` and `fatal` may not. */
export class EventStoreFault extends Error {
  readonly kind: "unavailable" | "overloaded" | "closed" | "corrupt" | "fatal";
  constructor(kind: EventStoreFault["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EventStoreFault";
    this.kind = kind;
  }
}

/** The log. One contract suite (event-store-contract.ts) holds for every adapter. */
export interface EventStore {
  /**
   * Appends to one stream, or to several all-or-nothing where `appendsAtomically`. Resolves after the events are
   * durable. The same event ids at the same place again = success, `replayed`. A wrong expectation is a value, not a throw.
   */
  append(appends: Append | readonly Append[]): Promise<AppendResult>;
  /** Whether several streams in one append are all-or-nothing; if not, several streams are refused by a throw. */
  readonly appendsAtomically: boolean;
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent>;
  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent>;
  /** Catch-up then live, without gap or repeat; pulls, so a slow consumer bounds memory. Ends when the signal aborts or the store closes. */
  subscribe(options?: SubscribeOptions): AsyncIterable<SubscriptionMessage>;
  /** Position of the last event; start of log when empty. */
  head(): Promise<Position>;
  /** First position still readable for a class; positions below it may be missing events of that class. */
  floor(lifeClass: LifeClass): Promise<Position>;
  /** The log's history id. */
  epoch(): Promise<string>;
  /** Events between two positions, for lag; an estimate is fine. */
  distance(from: Position, to: Position): number;
  /** Drops traffic older than an instant (whole streams, or whole days of them) and raises the floor. Answers how many events went.
   * Quarantine has its own cut-off (its tenants' settings decide) and stays when none is given. */
  expire(lifeClass: LifeClass, olderThan: number, cutOffs?: { readonly quarantine?: number }): Promise<number>;
  /** Removes streams for good (a mailbox erased). */
  deleteStreams(streams: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Reads a stream whole into an array; for streams that a decider loads, which are bounded by design. */
export async function readWholeStream(store: EventStore, stream: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of store.readStream(stream)) events.push(event);
  return events;
}
