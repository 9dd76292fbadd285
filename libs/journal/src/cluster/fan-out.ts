import { setTimeout as sleep } from "node:timers/promises";
import type { BlobStore } from "@mailfold/blob-store";
import { type Append, type EventStore, readWholeStream, StreamRemovedFault } from "@mailfold/event-store";
import type { MessageAccepted } from "@mailfold/events";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { appendOnce } from "./append-once.ts";
import { hold, release } from "./hold-bodies.ts";
import { appendsOf, bodiesNamed, isPart, partStream } from "./intake-events.ts";

export interface FanOutOptions {
  readonly events: EventStore;
  readonly bodies: BlobStore;
  /** Where the fan-out keeps its place, e.g. KurrentEventStore.fanOutPosition. */
  readonly position: { load(): Promise<Position>; save(position: Position): Promise<void> };
  /** Ends the fan-out; what is under way is left for the next start. */
  readonly signal: AbortSignal;
  /** Transactions at once; default 32. Each stream gets its events in the order of acceptance all the same. */
  readonly inFlightMax?: number;
  /** Longest time between two notes of the place, while something happens; default 1,000. */
  readonly noteEveryMs?: number;
  readonly report?: (problem: FanOutProblem) => void;
}

/** `retrying`: a store did not answer. `dropped`: the stream was removed for good since the mail was accepted. */
export interface FanOutProblem {
  readonly kind: "retrying" | "dropped";
  readonly stream: string;
  readonly error: unknown;
}

const retryDelayMs = 100;
const retryDelayMaxMs = 5_000;

/**
 * Spreads accepted transactions over their streams; run by one process of a cluster. After a crash it begins again at
 * the place noted last and finds what it did already. Resolves when the signal aborts; throws what no repetition mends.
 */
export async function runFanOut(options: FanOutOptions): Promise<void> {
  const place = await insist(options, "platform-fanout", () => options.position.load());
  if (place === undefined) return;
  await new FanOut(options, place).run();
}

interface UnderWay {
  readonly position: Position;
  readonly done: Promise<void>;
}

class FanOut {
  readonly #options: FanOutOptions;
  readonly #turns = new Map<string, Promise<void>>();
  readonly #underWay: UnderWay[] = [];
  #reached: Position;
  #noted: Position;
  #notedAt = performance.now();
  /** Before this, an earlier run may have done part of the work; after it, only this one has. */
  #isFresh = false;

  constructor(options: FanOutOptions, place: Position) {
    this.#options = options;
    this.#reached = place;
    this.#noted = place;
  }

  async run(): Promise<void> {
    const { events, signal, inFlightMax = 32 } = this.#options;
    const filter = { streamPrefixes: ["intake-"], types: ["MessageAccepted"] };
    try {
      for await (const message of events.subscribe({ after: this.#reached, filter, signal })) {
        if (message.type === "event" && !isPart(message.event.stream))
          this.#start(message.event as RecordedEvent<MessageAccepted>);
        else this.#pass(message.type === "event" ? message.event.position : message.position);
        if (message.type === "caughtUp") {
          await this.#settle(0);
          this.#isFresh = true;
        }
        await this.#settle(message.type === "event" ? inFlightMax - 1 : 0);
        await this.#note();
      }
      await this.#settle(0);
    } finally {
      await Promise.allSettled(this.#underWay.map(({ done }) => done));
    }
    if (this.#reached > this.#noted) await this.#options.position.save(this.#reached).catch(() => undefined);
  }

  #start(event: RecordedEvent<MessageAccepted>): void {
    const done = this.#spread(event, this.#isFresh);
    // Failures are met in #settle, in order; until then nobody else listens.
    done.catch(() => undefined);
    this.#underWay.push({ position: event.position, done });
  }

  /** Something without work: reached as soon as everything before it is. */
  #pass(position: Position): void {
    this.#underWay.push({ position, done: Promise.resolve() });
  }

  /** Waits, oldest first, until at most so many are under way. */
  async #settle(most: number): Promise<void> {
    while (this.#underWay.length > most) {
      const oldest = this.#underWay[0];
      if (oldest === undefined) return;
      await oldest.done;
      this.#underWay.shift();
      if (this.#options.signal.aborted) return;
      if (oldest.position > this.#reached) this.#reached = oldest.position;
    }
  }

  async #note(): Promise<void> {
    const { noteEveryMs = 1_000, position } = this.#options;
    if (this.#reached <= this.#noted || performance.now() - this.#notedAt < noteEveryMs) return;
    const reached = this.#reached;
    await insist(this.#options, "platform-fanout", () => position.save(reached));
    this.#noted = reached;
    this.#notedAt = performance.now();
  }

  /** Holds the bodies, appends to every stream, then lets the transaction's own hold go. */
  async #spread(event: RecordedEvent<MessageAccepted>, isFresh: boolean): Promise<void> {
    const { bodies } = this.#options;
    const refs = event.data.bodies;
    const work = async (append: Append): Promise<void> => {
      const named = bodiesNamed(append, refs);
      await insist(this.#options, append.stream, () => hold(bodies, append.stream, named));
      await this.#append(append, event.position, isFresh);
    };
    // Turns are taken before anything is awaited: the order of acceptance is the order in each stream.
    const whole = event.metadata.causationId === undefined ? appendsOf(event) : undefined;
    if (whole) await Promise.all(whole.map((append) => this.#inTurn(append.stream, () => work(append))));
    else await this.#spreadParts(event, work);
    await insist(this.#options, event.stream, () => release(bodies, event.stream, refs));
  }

  /** A transaction in parts is rare and large: nothing else is under way for its streams that is not behind it. */
  async #spreadParts(event: RecordedEvent<MessageAccepted>, work: (append: Append) => Promise<void>): Promise<void> {
    for (const append of appendsOf(event)) await this.#inTurn(append.stream, () => work(append));
    for (let index = 1; ; index += 1) {
      const stream = partStream(event.stream, index);
      const read = () => readWholeStream(this.#options.events, stream);
      const [part] = (await insist(this.#options, stream, read)) ?? [];
      if (part === undefined) {
        if (this.#options.signal.aborted) return;
        throw new Error(`${stream} is missing, though ${event.stream} was accepted after it`);
      }
      for (const append of appendsOf(part as RecordedEvent<MessageAccepted>))
        await this.#inTurn(append.stream, () => work(append));
      if (part.id === event.metadata.causationId) return;
    }
  }

  async #append(append: Append, since: Position, isFresh: boolean): Promise<void> {
    const { events } = this.#options;
    let isFirstTry = isFresh;
    await insist(this.#options, append.stream, async () => {
      const isFirst = isFirstTry;
      isFirstTry = false;
      if (isFirst) await events.append(append);
      else await appendOnce(events, append, since);
    });
  }

  #inTurn(stream: string, task: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(stream) ?? Promise.resolve()).then(task);
    this.#turns.set(stream, turn);
    const forget = () => {
      if (this.#turns.get(stream) === turn) this.#turns.delete(stream);
    };
    turn.then(forget, forget);
    return turn;
  }
}

/** Repeats while a store cannot be reached. Answers undefined when told to stop, or when the stream is gone for good. */
async function insist<T>(options: FanOutOptions, stream: string, task: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 0; !options.signal.aborted; attempt += 1) {
    try {
      return await task();
    } catch (error) {
      if (error instanceof StreamRemovedFault) {
        options.report?.({ kind: "dropped", stream, error });
        return undefined;
      }
      if (!isPassing(error)) throw error;
      options.report?.({ kind: "retrying", stream, error });
      const delay = Math.min(retryDelayMs * 2 ** attempt, retryDelayMaxMs);
      await sleep(delay, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
  return undefined;
}

/** Faults of both stores name what may be tried again. */
function isPassing(error: unknown): boolean {
  const kind = error instanceof Error && "kind" in error ? error.kind : undefined;
  return kind === "unavailable" || kind === "overloaded";
}
