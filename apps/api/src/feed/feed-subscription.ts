import type { EventStore, SubscriptionMessage } from "@mailfold/event-store";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import { createFeedCredit } from "./feed-credit.ts";
import type { FeedWhere } from "./feed-protocol.ts";
import { admits, feedFilter } from "./feed-scope.ts";

/** After this long without credit a subscription lets its reader go and keeps only its cursor. */
const idleReaderMs = 2_000;
const bookmarkIntervalMs = 1_000;
const storeBufferMax = 128;

/** Where a subscription's messages go. */
export interface FeedSink {
  /** Resolves when the socket can take more; false = it was closed. */
  ready(): Promise<boolean>;
  /** The caller is who may see it, as of now. */
  event(position: Position, event: RecordedEvent, caller: Caller): void;
  bookmark(position: Position): void;
  caughtUp(position: Position): void;
  fellBehind(position: Position): void;
  /** Times that credit ran out. */
  stalled(): void;
}

export interface FeedSubscriptionOptions {
  readonly store: EventStore;
  /** The caller as of now, or undefined when the token no longer holds. */
  readonly caller: () => Caller | undefined;
  readonly where: FeedWhere;
  readonly after: Position;
  readonly notBefore: number;
  /** Events that may be under way unacknowledged. */
  readonly window: number;
  readonly now: () => number;
  readonly sink: FeedSink;
}

/** One subscription: pulls from the log while it has credit; without credit it holds a cursor, not a buffer. */
export interface FeedSubscription {
  /** The position it has come to. */
  cursor(): Position;
  /** Returns the credit of every event up to the position. */
  acknowledge(position: Position): void;
  /** Runs until stopped; throws what the store throws. */
  run(): Promise<void>;
  stop(): void;
}

/** A subscription over the store's own catch-up subscription. */
export function createFeedSubscription(options: FeedSubscriptionOptions): FeedSubscription {
  const { sink } = options;
  const stopping = new AbortController();
  const credit = createFeedCredit(options.window);
  const progress = createProgress(options);

  /** Reads until the subscription ends (false) or credit stays away too long (true: keep the cursor only). */
  async function read(): Promise<boolean> {
    const reader = new AbortController();
    const messages = options.store.subscribe({
      after: progress.cursor(),
      filter: feedFilter(options.where),
      bufferMax: storeBufferMax,
      signal: AbortSignal.any([reader.signal, stopping.signal]),
    });
    try {
      for await (const message of messages) {
        if (stopping.signal.aborted || !(await sink.ready())) return false;
        const caller = options.caller();
        if (caller === undefined) return false;
        if (progress.take(message, caller)) credit.spend(progress.cursor());
        if (!credit.exhausted) continue;
        sink.stalled();
        if (await credit.wait(idleReaderMs)) continue;
        return !stopping.signal.aborted;
      }
      return false;
    } finally {
      reader.abort();
    }
  }

  return {
    cursor: progress.cursor,
    acknowledge: credit.acknowledge,
    async run() {
      while ((await read()) && (await credit.wait())) progress.fellBehind();
    },
    stop() {
      stopping.abort();
      credit.end();
    },
  };
}

/** Where the subscription has come to, and what the client is told of it. */
function createProgress({ sink, where, notBefore, after, now }: FeedSubscriptionOptions) {
  let cursor = after;
  let told = cursor;
  let toldAt = now();
  let live = false;

  function passed(position: Position): void {
    if (position > cursor) cursor = position;
    if (cursor === told || now() - toldAt < bookmarkIntervalMs) return;
    told = cursor;
    toldAt = now();
    sink.bookmark(cursor);
  }

  function fellBehind(): void {
    if (live) sink.fellBehind(cursor);
    live = false;
  }

  return {
    cursor: () => cursor,
    fellBehind,
    /** Passes one message on; true when it cost credit. */
    take(message: SubscriptionMessage, caller: Caller): boolean {
      if (message.type === "fellBehind") fellBehind();
      if (message.type === "checkpoint" || message.type === "caughtUp") passed(message.position);
      if (message.type === "caughtUp" && !live) {
        live = true;
        sink.caughtUp(cursor);
      }
      if (message.type !== "event") return false;
      const { event } = message;
      if (event.occurredAt < notBefore || !admits(caller, where, event)) {
        passed(event.position);
        return false;
      }
      cursor = event.position;
      told = cursor;
      toldAt = now();
      sink.event(cursor, event, caller);
      return true;
    },
  };
}
