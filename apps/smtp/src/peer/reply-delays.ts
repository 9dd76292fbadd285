/** Replies that are held back to slow a peer down. Bounded: beyond so many at once a reply is not held back. */
export class ReplyDelays {
  private readonly waiting = new Set<() => void>();
  private readonly waitingMax: number;

  constructor(waitingMax: number) {
    this.waitingMax = waitingMax;
  }

  /** Resolves after the wait, or as soon as `end` of the answer is called (the peer is gone). */
  wait(delayMs: number): { readonly over: Promise<void>; readonly end: () => void } {
    if (this.waiting.size >= this.waitingMax) return { over: Promise.resolve(), end: () => {} };
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      const timer = setTimeout(() => end(), delayMs);
      end = () => {
        clearTimeout(timer);
        this.waiting.delete(end);
        resolve();
      };
      this.waiting.add(end);
    });
    return { over, end };
  }

  /** How many replies are held back now. */
  get size(): number {
    return this.waiting.size;
  }

  /** Lets all go at once: the server is shutting down. */
  endAll(): void {
    for (const end of this.waiting) end();
  }
}
