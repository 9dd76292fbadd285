import { type HeldMessageSettled, type MessageHeld, UndecodableEvent } from "@mailfold/events";
import type { Journal } from "@mailfold/journal";
import { type Clock, type Position, type RecordedEvent, startOfLog } from "@mailfold/kernel";
import type { PolicySource } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import type { Logger } from "@mailfold/telemetry";
import type { ContentServices } from "./content/content-services.ts";
import type { Forwarding } from "./forward/forwarding.ts";
import type { RecipientCounters } from "./peer/recipient-counters.ts";
import { settleHeld } from "./settle-held.ts";

export interface HeldJudgeDeps {
  readonly journal: Journal;
  readonly policy: PolicySource;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly readiness: () => boolean;
  /** What the messages are looked at with. */
  readonly content: ContentServices;
  /** As for mail that comes in: absent, nothing is sent on to addresses elsewhere. */
  readonly forwarding?: Forwarding;
  /** What tenants sent in the last hour, which mail that is sent on adds to; absent, it does not count. */
  readonly counters?: RecipientCounters;
}

export interface HeldJudgeOptions {
  /** How often due copies are looked for; default 5 s. */
  readonly sweepIntervalMs?: number;
  /** How long a copy that is refused in the end lies in quarantine; default the policy's quarantineDays. */
  readonly quarantineMs?: number;
  /** Pause before a broken subscription goes on; default 5 s. */
  readonly resubscribeMs?: number;
}

export interface HeldJudge {
  /** Copies waiting to be judged again. */
  waiting(): number;
  close(): Promise<void>;
}

/** Where a deferred copy's event lies, and when it is due: the log keeps the rest. */
export interface Waiting {
  readonly holdId: string;
  readonly stream: string;
  readonly revision: number;
  dueAt: number;
  /** Judgements that deferred it again. */
  attempts: number;
}

const waitingMax = 500_000;
const perSweepMax = 200;
const retryAfterFaultMs = 60_000;

/**
 * Judges deferred copies again with the policy of the day, once per cluster: delivers, refuses into quarantine, or defers with
 * growing delays until the copy expires. Everything it needs to know is in the log, so a restart loses nothing; a delivery done
 * twice is one delivery (deliveryId).
 */
export function startHeldJudge(deps: HeldJudgeDeps, options: HeldJudgeOptions = {}): HeldJudge {
  const waiting = new Map<string, Waiting>();
  const stopped = new AbortController();
  let isCaughtUp = false;
  let sweeping: Promise<void> | undefined;

  let position: Position = startOfLog;

  const follow = async (): Promise<void> => {
    const filter = {
      streamPrefixes: ["quarantine-"],
      types: ["MessageHeld", "HeldMessageSettled", "HeldMessageReleased", "HeldMessageDeleted"],
    };
    for await (const message of deps.journal.events.subscribe({ after: position, filter, signal: stopped.signal })) {
      if (message.type === "event") apply(waiting, message.event, deps.log);
      else if (message.type === "caughtUp") isCaughtUp = true;
      if (message.type === "event") position = message.event.position;
      else if (message.type !== "fellBehind") position = message.position;
    }
  };
  const following = keepFollowing(follow, {
    signal: stopped.signal,
    log: deps.log,
    pauseMs: options.resubscribeMs ?? 5_000,
  });

  const sweep = async (): Promise<void> => {
    const now = deps.clock.now();
    const due = [...waiting.values()].filter((each) => each.dueAt <= now).slice(0, perSweepMax);
    for (const each of due) {
      if (stopped.signal.aborted) return;
      try {
        const dueAt = await settleHeld(deps, each, { keptMs: options.quarantineMs, signal: stopped.signal });
        // Not only when its HeldMessageSettled arrives: a subscription that lags must not have it judged twice.
        if (dueAt === undefined) waiting.delete(each.holdId);
        else each.dueAt = dueAt;
      } catch (error) {
        if (stopped.signal.aborted) return;
        deps.log.error({ err: error, holdId: each.holdId }, "a deferred copy could not be judged again");
        each.dueAt = now + retryAfterFaultMs;
      }
    }
  };
  const timer = setInterval(() => {
    if (sweeping !== undefined || !isCaughtUp || !deps.readiness() || !deps.policy.ready()) return;
    sweeping = sweep().finally(() => {
      sweeping = undefined;
    });
  }, options.sweepIntervalMs ?? 5_000);
  timer.unref();

  return {
    waiting: () => waiting.size,
    async close() {
      clearInterval(timer);
      stopped.abort();
      await sweeping;
      await following;
    },
  };
}

function apply(waiting: Map<string, Waiting>, event: RecordedEvent, log: Logger): void {
  if (event instanceof UndecodableEvent) {
    log.error({ err: event.fault }, "an event of a deferred copy cannot be read; the others are judged");
    return;
  }
  if (event.type === "MessageHeld") {
    const held = event.data as MessageHeld["data"];
    if (held.kind !== "deferred") return;
    if (waiting.size >= waitingMax) {
      log.error({ holdId: held.holdId }, "too many deferred copies wait; this one is judged after a restart");
      return;
    }
    const { stream, revision } = event;
    const dueAt = held.judgeAgainAt ?? event.occurredAt;
    waiting.set(held.holdId, { holdId: held.holdId, stream, revision, dueAt, attempts: held.attempt });
    return;
  }
  const settled = event.data as HeldMessageSettled["data"];
  const known = waiting.get(settled.holdId);
  if (event.type !== "HeldMessageSettled" || settled.outcome !== "deferred") waiting.delete(settled.holdId);
  else if (known !== undefined) {
    known.attempts += 1;
    known.dueAt = settled.judgeAgainAt ?? event.occurredAt;
  }
}

/** A subscription that ends goes on from where it was, after a pause. */
async function keepFollowing(
  follow: () => Promise<void>,
  options: { readonly signal: AbortSignal; readonly log: Logger; readonly pauseMs: number },
): Promise<void> {
  const { signal, log, pauseMs } = options;
  while (!signal.aborted) {
    try {
      await follow();
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, "the subscription to deferred copies broke");
    }
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, pauseMs);
      signal.addEventListener("abort", finish);
    });
  }
}
