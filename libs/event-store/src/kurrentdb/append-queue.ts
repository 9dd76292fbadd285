import { EventStoreFault } from "../port.ts";

interface Waiting {
  readonly start: () => Promise<void>;
  readonly cancel: (fault: EventStoreFault) => void;
}

/**
 * Bounds appends in flight and in line. Each call to the client starts in its own turn of the event loop: the client
 * picks its channel a few microtasks before it uses it, and a channel that another call's failure closes in between
 * would throw inside the client where nobody can catch it.
 */
export class AppendQueue {
  readonly #inFlightMax: number;
  readonly #waitingMax: number;
  readonly #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;
  #closed = false;

  constructor(inFlightMax: number, waitingMax: number) {
    this.#inFlightMax = inFlightMax;
    this.#waitingMax = waitingMax;
  }

  /** Runs `task` when its turn comes. Refuses with `overloaded` when the line is full, `closed` after `close`. */
  run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#waiting.length >= this.#waitingMax)
      return Promise.reject(new EventStoreFault("overloaded", `${this.#waitingMax} appends are already waiting`));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ start: () => task().then(resolve, reject), cancel: reject });
      this.#schedule();
    });
  }

  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#waiting.splice(0)) cancel(closed());
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#inFlight >= this.#inFlightMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#inFlight < this.#inFlightMax) {
        const next = this.#waiting.shift();
        if (!next) break;
        this.#inFlight += 1;
        void next.start().finally(() => {
          this.#inFlight -= 1;
          this.#schedule();
        });
      }
    });
  }
}

function closed(): EventStoreFault {
  return new EventStoreFault("closed", "the event store is closed");
}
