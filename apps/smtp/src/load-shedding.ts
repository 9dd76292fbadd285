import { performance } from "node:perf_hooks";

const probeIntervalMs = 50;

/** Measures how late timers of this event loop run, in ms: the worst of late, fading within a second. */
export function createLoopDelayProbe(): { readonly delayMs: () => number; readonly stop: () => void } {
  let expected = performance.now() + probeIntervalMs;
  let delay = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    delay = Math.max(now - expected, delay * 0.8, 0);
    expected = now + probeIntervalMs;
  }, probeIntervalMs);
  timer.unref();
  return { delayMs: () => delay, stop: () => clearInterval(timer) };
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
