import type { Readable } from "node:stream";

/** What a pull answered: an item, nothing yet within the wait, or the end. */
export type Pulled<T> = { readonly item: T } | "idle" | "end";

/**
 * Pulls objects from a Readable one by one with a wait of one's own: the client's streams have no deadline and report
 * errors by an event that kills the process when nobody listens.
 */
export class ItemStream<T> {
  readonly #source: Readable;
  #error: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(source: Readable) {
    this.#source = source;
    const wake = () => this.#wake?.();
    source.on("readable", wake);
    source.on("error", (error: Error) => {
      this.#error ??= error;
      wake();
    });
    for (const end of ["end", "close"]) {
      source.on(end, () => {
        this.#ended = true;
        wake();
      });
    }
  }

  /** The next item; `idle` after `waitMs` without one, or at once when the signal aborts. Throws the stream's error. */
  async next(waitMs: number, signal?: AbortSignal): Promise<Pulled<T>> {
    const waitUntil = performance.now() + waitMs;
    for (;;) {
      const item = this.#source.read() as T | null;
      if (item !== null) return { item };
      if (this.#error) throw this.#error;
      if (this.#ended) return "end";
      // Woken without an item is usual: a stream says "readable" at its end and after each refill.
      const leftMs = waitUntil - performance.now();
      if (leftMs <= 0 || signal?.aborted) return "idle";
      await this.#woken(leftMs, signal);
    }
  }

  #woken(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal?.addEventListener("abort", done);
      this.#wake = done;
    });
  }
}
