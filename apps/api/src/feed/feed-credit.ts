import { hasReached, type Position } from "@mailfold/kernel";

/** Events under way that the client has not acknowledged; at most `window` of them. */
export interface FeedCredit {
  readonly exhausted: boolean;
  spend(position: Position): void;
  /** Returns the credit of every event up to the position. */
  acknowledge(position: Position): void;
  /** True once there is credit; false when that took longer than waitMs, or when it was ended. */
  wait(waitMs?: number): Promise<boolean>;
  end(): void;
}

/** Credit of one subscription. */
export function createFeedCredit(window: number): FeedCredit {
  const outstanding: Position[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  return {
    get exhausted() {
      return outstanding.length >= window;
    },
    spend: (position) => void outstanding.push(position),
    acknowledge(position) {
      const beyond = outstanding.findIndex((sent) => !hasReached(position, sent));
      outstanding.splice(0, beyond < 0 ? outstanding.length : beyond);
      if (outstanding.length < window) wake?.();
    },
    wait(waitMs) {
      if (ended || outstanding.length < window) return Promise.resolve(!ended);
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          wake = undefined;
          resolve(!ended && outstanding.length < window);
        };
        const timer = waitMs === undefined ? undefined : setTimeout(done, waitMs);
        wake = done;
      });
    },
    end() {
      ended = true;
      wake?.();
    },
  };
}
