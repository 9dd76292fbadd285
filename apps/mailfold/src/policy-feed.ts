import { setTimeout as delay } from "node:timers/promises";
import { type EventStore, EventStoreFault } from "@mailfold/event-store";
import { readerGeneration, refuseUndecodable } from "@mailfold/events";
import { hasReached, type Position, type RecordedEvent } from "@mailfold/kernel";
import { applyPolicyEvent, type CompiledPolicy, type PolicySource, policyEventTypes } from "@mailfold/policy";
import type { LoadedPolicy } from "./load-policy.ts";

/** The compiled policy of this process, kept current by the log. */
export interface PolicyFeed extends PolicySource {
  /** True once events up to the position are in force here; false at the deadline. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
  /** Why an event cannot be passed, while that is so. The feed is not ready then: an old policy must not decide. */
  stuck(): string | undefined;
  close(): Promise<void>;
}

const retryMs = 250;
const retryMsMax = 30_000;
const waitersMax = 10_000;

/**
 * Folds policy events into the compiled policy and follows the log: one event, one new snapshot that shares all that did
 * not change. Begins at `start` (loadPolicy); not ready until everything that was in the log at start is in force.
 */
export function startPolicyFeed(events: EventStore, start: LoadedPolicy, onFault: (text: string) => void): PolicyFeed {
  const abort = new AbortController();
  const waiters = new Set<{ readonly position: Position; readonly finish: (reached: boolean) => void }>();
  let { policy, position } = start;
  let caughtUp = false;
  let stuck: string | undefined;

  function advance(to: Position): void {
    position = to;
    for (const waiter of waiters) if (hasReached(position, waiter.position)) waiter.finish(true);
  }

  async function follow(): Promise<void> {
    let waitMs = retryMs;
    while (!abort.signal.aborted) {
      const before = position;
      try {
        const filter = { types: policyEventTypes };
        for await (const message of events.subscribe({ after: position, filter, signal: abort.signal })) {
          if (message.type === "event") {
            policy = passEvent(policy, message.event);
            stuck = undefined;
            advance(message.event.position);
          } else if (message.type !== "fellBehind") {
            advance(message.position);
            if (message.type === "caughtUp") {
              caughtUp = true;
              stuck = undefined;
            }
          }
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        const text = error instanceof Error ? error.message : String(error);
        // A log that does not answer says nothing of its events; anything else is an event that cannot be passed.
        if (!(error instanceof EventStoreFault)) stuck = text;
        onFault(text);
      }
      waitMs = position === before ? Math.min(waitMs * 2, retryMsMax) : retryMs;
      await pause(waitMs, abort.signal);
    }
  }
  const done = follow();

  return {
    current: () => policy,
    ready: () => caughtUp && stuck === undefined,
    stuck: () => stuck,
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

function passEvent(policy: CompiledPolicy, event: RecordedEvent): CompiledPolicy {
  const { minReader = 0 } = event.metadata;
  if (minReader > readerGeneration)
    throw new Error(`event ${event.id} needs code of reader generation ${minReader}, this is ${readerGeneration}`);
  try {
    refuseUndecodable(event);
    return applyPolicyEvent(policy, event);
  } catch (error) {
    throw new Error(`${event.type} ${event.id}: ${(error as Error).message}`, { cause: error });
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return delay(delayMs, undefined, { signal }).catch(() => undefined);
}
