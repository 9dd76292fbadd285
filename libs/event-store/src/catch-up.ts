import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { EventFilter, SubscribeOptions, SubscriptionMessage } from "./port.ts";

/** One page of the log, forwards. */
export interface LogPage {
  readonly events: readonly RecordedEvent[];
  /** Everything up to here has been looked at; the cursor of the next page. */
  readonly next: Position;
  /** Whether `next` was the log's head when the page was read. */
  readonly atHead: boolean;
}

/** What a catch-up subscription needs of a log: pages, and a wake-up. */
export interface PagedLog {
  readPage(after: Position, options: { readonly filter?: EventFilter | undefined; readonly limit: number }): LogPage;
  /** Resolves once the head is beyond a position, the signal aborts, or the log closes. */
  waitBeyond(position: Position, signal: AbortSignal): Promise<void>;
  readonly closed: boolean;
}

const pageEventsMax = 500;
/** A live subscription whose filter matched nothing waits this long for more: commits of others cost it little. */
const quietDelayMs = 4;

/**
 * Catch-up, then live, over one cursor: the log itself is the buffer, so there is neither gap nor repeat between the
 * two, and a slow consumer holds one page at most.
 */
export async function* subscribeToLog(
  log: PagedLog,
  options: SubscribeOptions = {},
): AsyncGenerator<SubscriptionMessage, void, undefined> {
  const limit = Math.max(1, Math.min(options.bufferMax ?? 512, pageEventsMax));
  const signal = options.signal ?? new AbortController().signal;
  const ended = (): boolean => signal.aborted || log.closed;
  let cursor = options.after ?? startOfLog;
  let live = false;
  while (!ended()) {
    const page = log.readPage(cursor, { filter: options.filter, limit });
    if (live && !page.atHead) {
      live = false;
      yield { type: "fellBehind", position: cursor };
    }
    let told = cursor;
    for (const event of page.events) {
      if (ended()) return;
      yield { type: "event", event };
      told = event.position;
    }
    cursor = page.next;
    if (ended()) return;
    if (cursor > told) yield { type: "checkpoint", position: cursor };
    if (page.atHead && !live) {
      live = true;
      yield { type: "caughtUp", position: cursor };
    }
    // A full page gives the event loop its turn; at the head there is nothing to do until a commit.
    if (page.atHead) {
      await log.waitBeyond(cursor, signal);
      if (page.events.length === 0 && !ended()) await delay(quietDelayMs);
    } else {
      await nextTurn();
    }
  }
}

/** Waiters for a growing head, with their abort signals: the live half of a subscription. */
export class HeadWaiters {
  readonly #waiting = new Set<{ readonly position: Position; readonly wake: () => void }>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves at the next `advance` beyond the position, on abort, or at `wakeAll`. */
  wait(position: Position, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiter = {
        position,
        wake: (): void => {
          this.#waiting.delete(waiter);
          signal.removeEventListener("abort", waiter.wake);
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", waiter.wake);
      if (signal.aborted) waiter.wake();
    });
  }

  advance(head: Position): void {
    for (const waiter of [...this.#waiting]) if (head > waiter.position) waiter.wake();
  }

  wakeAll(): void {
    for (const waiter of [...this.#waiting]) waiter.wake();
  }
}
