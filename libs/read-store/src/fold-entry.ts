import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { KeyedFold, RecordedEvent } from "@mailfold/kernel";
import { type FoldedState, foldEvent, foldStream } from "./fold-states.ts";
import type { FoldHandle } from "./port.ts";
import type { EventSource } from "./projector-parts.ts";

/** Outcomes kept for waitFor: far more than one session's commands in flight. */
const outcomesMax = 1_024;
/** How often a waiter whose event is not readable yet looks again (a cluster's fan-out may be under way). */
const lookAgainMs = 50;
/** Longest piece of a tail that is folded at once. */
const turnMs = 20;

/** A fold did not reach a revision in time; the event may still come. */
export class FoldLagging extends Error {
  constructor(key: string, revision: number) {
    super(`${key} did not reach revision ${revision} in time`);
    this.name = "FoldLagging";
  }
}

type AppliedListener<Outcome> = (outcome: Outcome, revision: number) => void;

interface EntryHooks {
  readonly readStream: EventSource["readStream"];
  readonly applied: () => void;
  readonly failed: () => void;
}

/** One key's state in memory with those who hold it. Applies events strictly in order, pushed or read. */
export class FoldEntry<State, Outcome> {
  readonly folded: FoldedState<State>;
  holders = 0;
  /** Why it can be folded no further. */
  failure: Error | undefined;
  readonly #fold: KeyedFold<State, Outcome>;
  readonly #hooks: EntryHooks;
  readonly #listeners = new Set<AppliedListener<Outcome>>();
  readonly #outcomes = new Map<number, Outcome>();
  readonly #waiters = new Set<() => void>();
  #reading: Promise<void> | undefined;
  #again: Promise<void> | undefined;

  constructor(fold: KeyedFold<State, Outcome>, folded: FoldedState<State>, hooks: EntryHooks) {
    this.#fold = fold;
    this.folded = folded;
    this.#hooks = hooks;
  }

  /** A live event. While the tail is being read it is left to that reading, or to one more. */
  push(event: RecordedEvent): void {
    if (this.failure !== undefined || event.revision <= this.folded.revision) return;
    if (this.#reading === undefined && event.revision === this.folded.revision + 1) this.#apply(event);
    else void this.refresh().catch(() => undefined);
  }

  /** Folds all that the stream holds at this moment. Calls that come together share one reading. */
  refresh(): Promise<void> {
    if (this.#reading === undefined) {
      this.#reading = this.#readTail().finally(() => {
        this.#reading = undefined;
      });
      return this.#reading;
    }
    // The reading under way may have passed the event that this caller knows of: read once more after it.
    this.#again ??= this.#reading
      .catch(() => undefined)
      .then(() => {
        this.#again = undefined;
        return this.refresh();
      });
    return this.#again;
  }

  async #readTail(): Promise<void> {
    const stream = foldStream(this.#fold, this.folded.key);
    let turnFrom = performance.now();
    for await (const event of this.#hooks.readStream(stream, { from: this.folded.revision + 1 })) {
      this.#apply(event);
      // Events that are read already come without any waiting: a hundred of a thousand messages each take a second.
      if (performance.now() - turnFrom < turnMs) continue;
      await yieldToOthers();
      turnFrom = performance.now();
    }
  }

  #apply(event: RecordedEvent): void {
    if (this.failure !== undefined) throw this.failure;
    let applied: { readonly outcome: Outcome } | undefined;
    try {
      applied = foldEvent(this.#fold, this.folded, event);
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
      this.#hooks.failed();
      throw error;
    }
    if (applied === undefined) return;
    this.#outcomes.set(event.revision, applied.outcome);
    const [oldest] = this.#outcomes.keys();
    if (this.#outcomes.size > outcomesMax && oldest !== undefined) this.#outcomes.delete(oldest);
    for (const listener of [...this.#listeners]) {
      try {
        listener(applied.outcome, event.revision);
      } catch (error) {
        // A listener's bug: crash, but not in the middle of the fold.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    for (const wake of [...this.#waiters]) wake();
    this.#hooks.applied();
  }

  /** Nothing will be folded any more: every waiter learns why. */
  end(failure: Error): void {
    this.failure ??= failure;
    for (const wake of [...this.#waiters]) wake();
  }

  async waitFor(revision: number, timeoutMs: number): Promise<Outcome> {
    const deadline = performance.now() + timeoutMs;
    // The append has returned, so its event is readable: do not wait for the push.
    if (this.folded.revision < revision) await this.refresh();
    while (this.folded.revision < revision) {
      if (this.failure !== undefined) throw this.failure;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new FoldLagging(this.folded.key, revision);
      await this.#woken(Math.min(leftMs, lookAgainMs));
      if (this.folded.revision < revision) await this.refresh();
    }
    const outcome = this.#outcomes.get(revision);
    if (outcome === undefined) throw new Error(`the outcome of revision ${revision} is no longer kept`);
    return outcome;
  }

  #woken(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiters.add(wake);
    });
  }

  /** A holder's view of this entry; giving it back ends its listeners. */
  handle(released: () => void): FoldHandle<State, Outcome> {
    const { folded } = this;
    const mine = new Set<AppliedListener<Outcome>>();
    let open = true;
    return {
      key: folded.key,
      get state() {
        return folded.state;
      },
      get revision() {
        return folded.revision;
      },
      waitFor: (revision, timeoutMs) => this.waitFor(revision, timeoutMs),
      refresh: () => this.refresh(),
      onApplied: (listener) => {
        // The same function may listen twice.
        const own: AppliedListener<Outcome> = (outcome, revision) => listener(outcome, revision);
        mine.add(own);
        this.#listeners.add(own);
        return () => {
          mine.delete(own);
          this.#listeners.delete(own);
        };
      },
      release: () => {
        if (!open) return;
        open = false;
        for (const listener of mine) this.#listeners.delete(listener);
        released();
      },
    };
  }
}
