import type { EventStore } from "@mailfold/event-store";
import { hasReached, type Position, startOfLog } from "@mailfold/kernel";
import {
  applyPolicyEvent,
  type CompiledPolicy,
  emptyPolicy,
  type PolicySource,
  policyEventTypes,
} from "@mailfold/policy";

/** The compiled policy of this process, kept current by the log. */
export interface PolicyFeed extends PolicySource {
  /** True once events up to the position are in force here; false at the deadline. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

const retryMs = 250;
const waitersMax = 10_000;

/**
 * Folds policy events into the compiled policy and follows the log: one event, one new snapshot that shares all that did
 * not change. Not ready until everything that was in the log at start is in force.
 */
export function startPolicyFeed(events: EventStore, onFault: (text: string) => void): PolicyFeed {
  const abort = new AbortController();
  const waiters = new Set<{ readonly position: Position; readonly finish: (reached: boolean) => void }>();
  let policy: CompiledPolicy = emptyPolicy();
  let position: Position = startOfLog;
  let ready = false;

  function advance(to: Position): void {
    position = to;
    for (const waiter of waiters) if (hasReached(position, waiter.position)) waiter.finish(true);
  }

  async function follow(): Promise<void> {
    while (!abort.signal.aborted) {
      try {
        const filter = { types: policyEventTypes };
        for await (const message of events.subscribe({ after: position, filter, signal: abort.signal })) {
          if (message.type === "event") {
            policy = applyPolicyEvent(policy, message.event);
            advance(message.event.position);
          } else if (message.type !== "fellBehind") {
            advance(message.position);
            if (message.type === "caughtUp") ready = true;
          }
        }
      } catch (error) {
        if (!abort.signal.aborted) onFault(error instanceof Error ? error.message : String(error));
      }
      if (!abort.signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
  const done = follow();

  return {
    current: () => policy,
    ready: () => ready,
    waitFor(wanted, timeoutMs) {
      if (hasReached(position, wanted)) return Promise.resolve(true);
      if (waiters.size >= waitersMax) return Promise.resolve(false);
      return new Promise((resolve) => {
        const finish = (reached: boolean) => {
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve(reached);
        };
        const timer = setTimeout(() => finish(false), timeoutMs);
        const waiter = { position: wanted, finish };
        waiters.add(waiter);
      });
    },
    async close() {
      abort.abort();
      for (const waiter of waiters) waiter.finish(false);
      await done;
    },
  };
}
