import type { EventCodec, LifeClass } from "@mailfold/events";
import type { Clock, Position, RecordedEvent } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type {
  Append,
  AppendResult,
  EventFilter,
  EventStore,
  ReadAllOptions,
  ReadStreamOptions,
  SubscribeOptions,
  SubscriptionMessage,
} from "../port.ts";
import { EventStoreFault } from "../port.ts";
import { AppendQueue } from "./append-queue.ts";
import { type AppendContext, appendUntilKnown, StreamTurns } from "./append-until-known.ts";
import { parseKurrentConnectionString } from "./connection-string.ts";
import { type RawFilter, rawFilterOf } from "./event-filter.ts";
import { expireTraffic, isExpired, readFloor, type TrafficFloor } from "./expire-traffic.ts";
import { type Asking, keepFanOutPosition, type PositionKeeper } from "./fan-out-position.ts";
import type { KurrentClient, RawAnswer, RawAppend } from "./kurrent-client.ts";
import { faultOf, KurrentFailure, StreamRemovedFault } from "./kurrent-fault.ts";
import { liveSubscription, type RawDelivery } from "./live-subscription.ts";
import { openLog } from "./open-kurrent-log.ts";
import { readAllPages, readStreamPages, retried } from "./paged-reads.ts";
import { fromRawEvent, isVisible, noPosition, parsePosition, toRawEvent } from "./raw-event.ts";

export interface KurrentOptions {
  /** `kurrentdb://` or `esdb://`, `+discover` too; see docs/how-to/run-on-kurrentdb.md. */
  readonly connectionString: string;
  readonly codec: EventCodec;
  readonly clock: Clock;
  /** One attempt of an append; default 5,000. */
  readonly appendTimeoutMs?: number;
  /** All attempts of an append together; default 20,000. */
  readonly appendBudgetMs?: number;
  /** Longest wait for the next event of a read; default 10,000. */
  readonly readTimeoutMs?: number;
  /** Appends sent and not yet answered; default 128. */
  readonly appendsInFlightMax?: number;
  /** Appends in line before `overloaded`; default 4,096. */
  readonly appendsWaitingMax?: number;
  /** Quiet time after which a subscription looks for the log's head; default 250. */
  readonly idleMs?: number;
  /** Quiet time, although events are due, after which a subscription is opened anew; default 10,000. */
  readonly silenceMs?: number;
}

/** The log on KurrentDB, with a place for the fan-out's position that no reader of events sees. */
export interface KurrentEventStore extends EventStore {
  readonly fanOutPosition: PositionKeeper;
}

const eventsPerAppendMax = 1_000;
const floorAgeMaxMs = 60_000;
/** What an event takes in the server's log, on average; `distance` is an estimate. */
const bytesPerEvent = 1_000n;

/** Connects, creates the log if it is new, and answers once it can be used. Refuses a server older than 22.6. */
export async function openKurrentEventStore(options: KurrentOptions): Promise<KurrentEventStore> {
  const target = parseKurrentConnectionString(options.connectionString);
  // Loaded on use: the client is a large part of a start that does without it.
  const { createKurrentClient } = await import("./kurrent-client.ts");
  const client = createKurrentClient(target, options.readTimeoutMs ?? 10_000);
  const context: AppendContext = {
    client,
    turns: new StreamTurns(),
    patience: {
      attemptTimeoutMs: options.appendTimeoutMs ?? 5_000,
      budgetMs: options.appendBudgetMs ?? 20_000,
      attemptsMax: 12,
    },
  };
  try {
    const epoch = await openLog(context, options);
    const store = new KurrentLog(context, epoch, options);
    await store.head();
    return store;
  } catch (error) {
    await client.close();
    throw faultOf(error, `opening the log at ${target.shown}`);
  }
}

class KurrentLog implements KurrentEventStore {
  readonly appendsAtomically = false;
  readonly fanOutPosition: PositionKeeper;
  readonly #client: KurrentClient;
  readonly #codec: EventCodec;
  readonly #options: KurrentOptions;
  readonly #context: AppendContext;
  readonly #epoch: string;
  readonly #queue: AppendQueue;
  readonly #closing = new AbortController();
  /** Highest position known to be written. What an append answers at or below it was there before. */
  #seen: Position = startOfLog;
  #floor: TrafficFloor = { floor: startOfLog, searchFrom: startOfLog, olderThan: 0 };
  #floorReadAt = Number.NEGATIVE_INFINITY;
  #closed: Promise<void> | undefined;

  constructor(context: AppendContext, epoch: string, options: KurrentOptions) {
    this.#context = context;
    this.#client = context.client;
    this.#codec = options.codec;
    this.#options = options;
    this.#epoch = epoch;
    this.#queue = new AppendQueue(options.appendsInFlightMax ?? 128, options.appendsWaitingMax ?? 4_096);
    const ask: Asking = (doing, call) => this.#asking(doing, call);
    this.fanOutPosition = keepFanOutPosition(context, ask);
  }

  async append(appends: Append | readonly Append[]): Promise<AppendResult> {
    const list: readonly Append[] = "stream" in appends ? [appends] : appends;
    const [append] = list;
    if (!append || list.length !== 1)
      throw new Error(`this log appends to one stream at a time, not ${list.length}: the journal spreads the rest`);
    if (append.events.length === 0 || append.events.length > eventsPerAppendMax)
      throw new Error(`an append takes 1 to ${eventsPerAppendMax} events, not ${append.events.length}`);
    const events = append.events.map((event) => toRawEvent(this.#codec.encode(append.stream, event)));
    const seenBefore = this.#seen;
    const answer = await this.#send({ stream: append.stream, expected: append.expected, events }, seenBefore);
    if (!answer.ok) return { ok: false, stream: append.stream, expected: append.expected, actual: answer.actual };
    const position = await this.#positionOf(append.stream, answer);
    this.#see(position);
    return { ok: true, position, revisions: [answer.revision], replayed: position <= seenBefore };
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncGenerator<RecordedEvent> {
    const { direction = "forwards", from, limit } = options;
    const pages = readStreamPages(this.#client, stream, { direction, from, wanted: limit });
    for await (const page of this.#guarded(pages, `reading ${stream}`))
      for (const event of page) yield fromRawEvent(this.#codec, event);
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent> {
    const { direction = "forwards", after, filter, limit = Number.POSITIVE_INFINITY } = options;
    if (limit <= 0) return;
    const { admits } = await this.#filter(filter);
    const wanted = filter || limit === Number.POSITIVE_INFINITY ? undefined : limit;
    const pages = readAllPages(this.#client, { direction, after: checkedPosition(after), wanted });
    let given = 0;
    for await (const page of this.#guarded(pages, "reading the log")) {
      for (const event of page) {
        this.#see(event.position);
        if (!admits(event)) continue;
        yield fromRawEvent(this.#codec, event);
        given += 1;
        if (given >= limit) return;
      }
    }
  }

  async *subscribe(options: SubscribeOptions = {}): AsyncGenerator<SubscriptionMessage, void, undefined> {
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal;
    const deliveries = liveSubscription(this.#client, {
      after: checkedPosition(options.after) ?? startOfLog,
      filter: await this.#filter(options.filter),
      bufferMax: Math.max(1, Math.min(options.bufferMax ?? 512, 512)),
      signal,
      idleMs: this.#options.idleMs ?? 250,
      silenceMs: this.#options.silenceMs ?? 10_000,
    });
    for await (const delivery of this.#guarded(deliveries, "following the log")) {
      if (signal.aborted) return;
      yield this.#messageOf(delivery);
    }
  }

  async head(): Promise<Position> {
    for await (const page of this.#guarded(
      readAllPages(this.#client, { direction: "backwards", wanted: 8 }),
      "reading",
    )) {
      const last = page.find(isVisible);
      if (!last) continue;
      this.#see(last.position);
      return last.position;
    }
    return startOfLog;
  }

  async floor(lifeClass: LifeClass): Promise<Position> {
    if (lifeClass !== "traffic") return startOfLog;
    await this.#refreshFloor(0);
    return this.#floor.floor;
  }

  async epoch(): Promise<string> {
    return this.#epoch;
  }

  distance(from: Position, to: Position): number {
    if (from >= to) return 0;
    const bytes = (parsePosition(to)?.commit ?? 0n) - (parsePosition(from)?.commit ?? 0n);
    return Math.max(1, Number(bytes / bytesPerEvent));
  }

  async expire(lifeClass: LifeClass, olderThan: number): Promise<number> {
    const now = this.#options.clock.now();
    const dropped = await this.#asking("expiring", () => expireTraffic(this.#client, lifeClass, { olderThan, now }));
    await this.#refreshFloor(0);
    return dropped;
  }

  async deleteStreams(streams: readonly string[]): Promise<void> {
    for (const stream of streams)
      await this.#asking(`removing ${stream}`, () => retried(() => this.#client.deleteStream(stream, "any")));
  }

  close(): Promise<void> {
    this.#queue.close();
    this.#closing.abort();
    this.#closed ??= this.#client.close();
    return this.#closed;
  }

  async #send(append: RawAppend, seenBefore: Position): Promise<RawAnswer> {
    try {
      return await this.#queue.run(() => appendUntilKnown(this.#context, append, seenBefore));
    } catch (error) {
      if (error instanceof KurrentFailure && error.kind === "deleted")
        throw new StreamRemovedFault(append.stream, { cause: error });
      throw faultOf(error, `appending to ${append.stream}`);
    }
  }

  /** Servers do not always say where an append that they recognised lies. */
  async #positionOf(stream: string, answer: Extract<RawAnswer, { ok: true }>): Promise<Position> {
    if (answer.position !== undefined && !/^0+-0+$/.test(answer.position)) return answer.position;
    const page = { direction: "backwards", count: 1 } as const;
    const [event] = await this.#asking(`reading ${stream}`, () =>
      retried(() => this.#client.streamPage(stream, answer.revision, page)),
    );
    if (!event || event.position === noPosition)
      throw new EventStoreFault("unavailable", `${stream} cannot be read back`);
    return event.position;
  }

  async #filter(filter: EventFilter | undefined): Promise<RawFilter> {
    await this.#refreshFloor(floorAgeMaxMs);
    return rawFilterOf(this.#codec, filter, (event) => isExpired(event, this.#floor));
  }

  /** Another node may have expired traffic. */
  async #refreshFloor(ageMaxMs: number): Promise<void> {
    if (performance.now() - this.#floorReadAt < ageMaxMs) return;
    this.#floor = await this.#asking("reading the floor", () => retried(() => readFloor(this.#client)));
    this.#floorReadAt = performance.now();
  }

  #messageOf(delivery: RawDelivery): SubscriptionMessage {
    if (delivery.type !== "event") {
      this.#see(delivery.position);
      return delivery;
    }
    this.#see(delivery.event.position);
    return { type: "event", event: fromRawEvent(this.#codec, delivery.event) };
  }

  #see(position: Position): void {
    if (position > this.#seen) this.#seen = position;
  }

  async *#guarded<T>(source: AsyncIterable<T>, doing: string): AsyncGenerator<T, void, undefined> {
    this.#refuseClosed();
    try {
      yield* source;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      throw faultOf(error, doing);
    }
  }

  async #asking<T>(doing: string, ask: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    try {
      return await ask();
    } catch (error) {
      throw faultOf(error, doing);
    }
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw new EventStoreFault("closed", "the event store is closed");
  }
}

/** A cursor of another log (another adapter) is a mistake of the caller's, never silently the start. */
function checkedPosition(position: Position | undefined): Position | undefined {
  if (position === undefined || position === startOfLog || parsePosition(position)) return position;
  throw new EventStoreFault("fatal", `not a position of this log: ${JSON.stringify(position)}`);
}
