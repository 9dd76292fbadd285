import { performance } from "node:perf_hooks";

const probeIntervalMs = 50;
/** About a second of a loop that runs late by the limit; half of them decide. */
const samplesMax = 11;

/** The middle of the last eleven delays: one long pause (a collection, a big parse) moves it not at all, a loop that stays late does. */
export class DelayMedian {
  private readonly samples: number[] = [];
  private middle = 0;

  add(delayMs: number): void {
    this.samples.push(delayMs);
    if (this.samples.length > samplesMax) this.samples.shift();
    const sorted = [...this.samples].sort((a, b) => a - b);
    this.middle = sorted[(sorted.length - 1) >> 1] ?? 0;
  }

  get delayMs(): number {
    return this.middle;
  }
}

/** Measures how late timers of this event loop run, in ms: the median of about the last second. */
export function createLoopDelayProbe(): { readonly delayMs: () => number; readonly stop: () => void } {
  let expected = performance.now() + probeIntervalMs;
  const median = new DelayMedian();
  const timer = setInterval(() => {
    const now = performance.now();
    median.add(Math.max(now - expected, 0));
    expected = now + probeIntervalMs;
  }, probeIntervalMs);
  timer.unref();
  return { delayMs: () => median.delayMs, stop: () => clearInterval(timer) };
}

/** Whether new work should be refused now, and why. */
export function createLoadShedding(options: {
  readonly loopDelayMs: () => number;
  readonly loopDelayMaxMs: number;
  readonly journalOverloaded: () => boolean;
  readonly onOverload: (cause: "event-loop" | "journal") => void;
}): () => boolean {
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    const isLate = options.loopDelayMs() > options.loopDelayMaxMs;
    if (!isLate && !options.journalOverloaded()) return false;
    const now = performance.now();
    if (now - toldAt >= 1_000) {
      toldAt = now;
      options.onOverload(isLate ? "event-loop" : "journal");
    }
    return true;
  };
}
