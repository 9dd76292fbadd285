interface Waiting {
  start(has: boolean): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** What became of work that asked for a turn. */
type Turn<T> = { readonly ran: true; readonly value: T } | { readonly ran: false };

/** `slots`: work that runs at once. `waitingMax` and `waitingPerOwnerMax`: work that waits, of all and of one owner. */
interface FairQueueOptions {
  readonly slots: number;
  readonly waitingMax: number;
  readonly waitingPerOwnerMax: number;
  readonly waitMs: number;
}

/** Lets some work run at once and the rest wait a bounded time; owners take turns, so that nobody waits behind another's heap. */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** Owners who wait, the next one first. */
  readonly #owners = new Map<string, Waiting[]>();
  #running = 0;
  #waiting = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** Runs the work when it is this owner's turn; not at all when there was no room to wait, or no turn in time. */
  async run<T>(owner: string, work: () => Promise<T>): Promise<Turn<T>> {
    if (!(await this.#turn(owner))) return { ran: false };
    try {
      return { ran: true, value: await work() };
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  async #turn(owner: string): Promise<boolean> {
    const { slots, waitingMax, waitingPerOwnerMax, waitMs } = this.#options;
    if (this.#running < slots) {
      this.#running += 1;
      return true;
    }
    const own = this.#owners.get(owner) ?? [];
    if (this.#waiting >= waitingMax || own.length >= waitingPerOwnerMax) return false;
    return new Promise((resolve) => {
      const waiting: Waiting = { start: resolve, timer: setTimeout(() => this.#giveUp(owner, waiting), waitMs) };
      own.push(waiting);
      this.#owners.set(owner, own);
      this.#waiting += 1;
    });
  }

  #giveUp(owner: string, waiting: Waiting): void {
    const left = (this.#owners.get(owner) ?? []).filter((each) => each !== waiting);
    if (left.length === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, left);
    this.#waiting -= 1;
    waiting.start(false);
  }

  #next(): void {
    const [owner, own] = this.#owners.entries().next().value ?? [];
    const waiting = own?.shift();
    if (owner === undefined || own === undefined || waiting === undefined) return;
    // To the end of the row, if there is more.
    this.#owners.delete(owner);
    if (own.length > 0) this.#owners.set(owner, own);
    clearTimeout(waiting.timer);
    this.#waiting -= 1;
    this.#running += 1;
    waiting.start(true);
  }
}
