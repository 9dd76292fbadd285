/** For the look-ups of all shadows of one message, whose answers wait for them. */
const messageMs = 2_000;

/** What is left of the time that shadows may take of one transaction; only waiting is counted, not what the client takes. */
export class ShadowTime {
  #leftMs: number;

  constructor(totalMs = messageMs) {
    this.#leftMs = totalMs;
  }

  /** Work that keeps to the time that is left, in ms, and uses it up. */
  async spend<T>(work: (leftMs: number) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work(this.#leftMs);
    } finally {
      this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - startedAt));
    }
  }
}
