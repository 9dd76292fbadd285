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
/** Events in a live page that make it a busy one, and bounds of the pause in which the next commits gather. */
const busyPageEvents = 8;
const gatherMsMin = 4;
const gatherMsMax = 40;
const quietGapMs = 2;

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
  let gatherMs = 0;
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
      const waitedFrom = performance.now();
      await log.waitBeyond(cursor, signal);
      gatherMs = nextGatherMs(gatherMs, page.events.length, performance.now() - waitedFrom);
      if (gatherMs > 0 && !ended()) await delay(gatherMs, undefined, { signal }).catch(() => undefined);
    } else {
      await nextTurn();
    }
  }
}

/**
 * How long a live subscription lets commits gather before it reads them: not at all while events come singly, longer and
 * longer while a page holds many (one read and one batch serve more of them) or while none is for it.
 */
function nextGatherMs(gatherMs: number, pageEvents: number, waitedMs: number): number {
  if (pageEvents > 0 && (pageEvents < busyPageEvents || waitedMs > gatherMsMax)) return 0;
  // Commands that wait for each other's receipts leave a gap after each read; mail under load does not.
  if (pageEvents === 0 && waitedMs > quietGapMs) return gatherMsMin;
  return Math.min(gatherMsMax, Math.max(gatherMsMin, gatherMs * 2));
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
