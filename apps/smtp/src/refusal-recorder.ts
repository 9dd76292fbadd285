import type { VerdictsRepeated } from "@mailfold/events";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { Journal } from "@mailfold/journal";
import type { Clock, EventMetadata, ResellerId, TenantId, VerdictId } from "@mailfold/kernel";
import type { Logger } from "@mailfold/telemetry";
import { denialPrefix } from "./ip-prefix.ts";
import type { Judged } from "./judge.ts";
import { type MessageNotes, newEvent, type Origin, verdictEvent } from "./verdict-event.ts";

const recordedPerMinuteMax = 10;
const minuteMs = 60_000;
const windowsMax = 20_000;
const samplesMax = 10;

/** One (prefix, reason, tenant) within its minute. */
interface Window {
  readonly prefix: string;
  readonly reason: string;
  readonly tenant: TenantId | "platform";
  readonly resellerId: ResellerId | undefined;
  readonly from: number;
  recorded: number;
  repeated: number;
  /** Stands for the repeated ones: committed, so that their reference resolves. */
  lastVerdictId: VerdictId | undefined;
  samples: VerdictsRepeated["data"]["samples"][number][];
}

export interface RefusalRecorder {
  /**
   * Commits the verdict of a refused recipient and answers its reference, or undefined when nothing could be committed.
   * In a flood it answers the reference of a like verdict already committed and counts this one.
   */
  record(judged: Judged, origin: Origin, notes?: MessageNotes): Promise<VerdictId | undefined>;
  close(): Promise<void>;
}

/** Keeps floods of refusals from flooding the log (architecture 7.5). */
export function createRefusalRecorder(deps: {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
}): RefusalRecorder {
  const windows = new Map<string, Window>();
  const timer = setInterval(() => void flush(deps.clock.now() - minuteMs), minuteMs / 6);
  timer.unref();

  async function flush(olderThan: number): Promise<void> {
    const due = [...windows].filter(([, window]) => window.from <= olderThan);
    for (const [key] of due) windows.delete(key);
    const repeated = due.map(([, window]) => window).filter((window) => window.repeated > 0);
    await Promise.all(repeated.map((window) => commitRepeated(deps, window)));
  }

  function windowOf(judged: Judged, now: number): Window {
    const prefix = denialPrefix(judged.facts.ip);
    const tenant = judged.verdict.tenantId ?? "platform";
    const key = `${prefix} ${judged.verdict.reason} ${tenant}`;
    const known = windows.get(key);
    if (known !== undefined && now - known.from < minuteMs) return known;
    // A full table or a finished minute: what it counted is written, and counting starts anew.
    if (known !== undefined || windows.size >= windowsMax) {
      const [oldestKey, oldest] = known === undefined ? first(windows) : [key, known];
      windows.delete(oldestKey);
      if (oldest.repeated > 0) void commitRepeated(deps, oldest);
    }
    const { reason, resellerId } = judged.verdict;
    const fresh: Window = {
      prefix,
      reason,
      tenant,
      resellerId,
      from: now,
      recorded: 0,
      repeated: 0,
      lastVerdictId: undefined,
      samples: [],
    };
    windows.set(key, fresh);
    return fresh;
  }

  return {
    async record(judged, origin, notes) {
      const now = deps.clock.now();
      const window = windowOf(judged, now);
      if (window.recorded >= recordedPerMinuteMax && window.lastVerdictId !== undefined) {
        window.repeated += 1;
        if (window.samples.length < samplesMax) window.samples.push(sampleOf(judged, window.lastVerdictId));
        return window.lastVerdictId;
      }
      window.recorded += 1;
      const verdictId = newId("verdict");
      const stream = streams.verdict(window.tenant, now);
      const events = [verdictEvent(judged, { verdictId, origin, occurredAt: now }, notes)];
      try {
        await deps.journal.commit({
          appends: [{ stream, expected: "any", events }],
          transactionId: origin.transactionId,
        });
      } catch (error) {
        deps.log.error({ err: error }, "a refusal could not be recorded");
        return undefined;
      }
      window.lastVerdictId = verdictId;
      return verdictId;
    },
    async close() {
      clearInterval(timer);
      await flush(Number.POSITIVE_INFINITY);
    },
  };
}

function first(windows: Map<string, Window>): readonly [string, Window] {
  for (const entry of windows) return entry;
  throw new Error("no window to take");
}

function sampleOf({ facts }: Judged, verdictId: VerdictId) {
  return { verdictId, sender: facts.sender?.address ?? "", recipient: facts.recipient?.address ?? "" };
}

async function commitRepeated(
  deps: { readonly journal: Journal; readonly clock: Clock; readonly log: Logger },
  window: Window,
): Promise<void> {
  const now = deps.clock.now();
  const metadata: EventMetadata = {
    ...(window.tenant === "platform" ? {} : { tenantId: window.tenant }),
    ...(window.resellerId === undefined ? {} : { resellerId: window.resellerId }),
    actor: { type: "system", id: "smtp" },
  };
  const data: VerdictsRepeated["data"] = {
    prefix: window.prefix,
    reason: window.reason,
    count: window.repeated,
    from: window.from,
    to: now,
    samples: window.samples,
  };
  const events = [newEvent<VerdictsRepeated>("VerdictsRepeated", data, { metadata, occurredAt: now })];
  try {
    await deps.journal.commit({ appends: [{ stream: streams.verdict(window.tenant, now), expected: "any", events }] });
  } catch (error) {
    deps.log.error({ err: error, count: window.repeated }, "a count of repeated refusals could not be recorded");
  }
}
