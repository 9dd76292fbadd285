import type { Clock } from "@mailfold/kernel";
import { down, noPlace, type ScannerDown } from "./scanner-down.ts";

/** When to stop asking a scanner that does not answer, and for how long. */
export interface BreakerOptions {
  /** Failures in a row that open the breaker; 5 by default. */
  readonly failuresMax?: number;
  /** How long it then answers "down" at once; 10,000 by default. */
  readonly openMs?: number;
  readonly clock?: Clock;
}

/** Never set back, unlike the time of day. */
const steadyClock: Clock = { now: () => performance.timeOrigin + performance.now() };

/** Keeps a dead scanner from costing every message its deadline. */
export interface Breaker {
  /** Runs `attempt`, or answers down at once. Down answers count as failures, but not those of our own load. */
  run<T extends { readonly status: string }>(attempt: () => Promise<T | ScannerDown>): Promise<T | ScannerDown>;
}

/** After openMs one call at a time tries again; its success closes the breaker. */
export function createBreaker(options: BreakerOptions): Breaker {
  const clock = options.clock ?? steadyClock;
  const failuresMax = options.failuresMax ?? 5;
  const openMs = options.openMs ?? 10_000;
  let failures = 0;
  let openUntil = 0;
  let lastCause = "";
  let trying = false;
  const record = (answer: { readonly status: string; readonly cause?: string }): void => {
    if (answer === noPlace) return;
    if (answer.status !== "down") {
      failures = 0;
      return;
    }
    failures += 1;
    lastCause = answer.cause ?? "";
    if (failures >= failuresMax) openUntil = clock.now() + openMs;
  };
  return {
    async run(attempt) {
      const open = failures >= failuresMax;
      if (open && (trying || clock.now() < openUntil))
        return down(`not asked after ${failures} failures: ${lastCause}`);
      if (open) trying = true;
      try {
        const answer = await attempt();
        record(answer);
        return answer;
      } finally {
        if (open) trying = false;
      }
    },
  };
}
