import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { EventStore } from "@mailfold/event-store";
import type { Clock, Sealer } from "@mailfold/kernel";
import type { Logger, Metrics } from "@mailfold/telemetry";
import type { LearnerReport } from "./follow-log.ts";
import type { LearnerMessage, LearnerOrder, LearnerWorkerData, RecorderCall } from "./learner-calls.ts";
import { createListingRecorder, type ListingRecorder, type Recorded } from "./listing-recorder.ts";

export interface ReputationDeps {
  /** The log's writer. */
  readonly events: Pick<EventStore, "append" | "readStream">;
  readonly sealer: Pick<Sealer, "blindIndex">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  readonly metrics: Pick<
    Metrics,
    "reputationEvidence" | "reputationDecisions" | "reputationListings" | "reputationLagSeconds"
  >;
  readonly dataDir: string;
  /** `embedded`, or a connection string. */
  readonly eventStore: string;
}

/** The learner of blacklists of this process. */
export interface ReputationLearning {
  /** Everything before this time, ms since the epoch, is learned: traffic from before it may expire. */
  learnedUntil(): number;
  close(): Promise<void>;
}

/** A start is busy: those who serve mail come first. */
const startAfterMs = 1_500;
const restartMs = 1_000;
const restartMsMax = 60_000;
/** A stop waits no longer: what the learner had not kept yet, it folds again. */
const closeWithinMs = 4_000;

/**
 * Learns blacklists in a thread of its own, which is started again when it dies: without it mail is judged by what is listed
 * already.
 */
export function startReputation(deps: ReputationDeps): ReputationLearning {
  const recorder = createListingRecorder(deps);
  const abort = new AbortController();
  const seen = { learnedUntil: 0 };
  const running = keepRunning(deps, { recorder, signal: abort.signal, reported: (report) => note(deps, seen, report) });
  return {
    learnedUntil: () => seen.learnedUntil,
    async close() {
      abort.abort();
      await running;
    },
  };
}

function note({ metrics }: ReputationDeps, seen: { learnedUntil: number }, report: LearnerReport): void {
  const { decisions, evidence, lagSeconds, listings } = report;
  seen.learnedUntil = report.learnedUntil;
  for (const [kind, count] of evidence) metrics.reputationEvidence.inc({ kind }, count);
  for (const [list, change, count] of decisions) metrics.reputationDecisions.inc({ list, change }, count);
  metrics.reputationListings.set({ list: "platform" }, listings.platform);
  metrics.reputationListings.set({ list: "tenant" }, listings.tenants);
  metrics.reputationLagSeconds.set(lagSeconds);
}

interface Running {
  readonly recorder: ListingRecorder;
  readonly signal: AbortSignal;
  readonly reported: (report: LearnerReport) => void;
}

async function keepRunning(deps: ReputationDeps, running: Running): Promise<void> {
  const { signal } = running;
  let waitMs = restartMs;
  await delay(startAfterMs, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    const startedAt = performance.now();
    await runThread(deps, running);
    if (signal.aborted) return;
    deps.log.warn("the thread that learns blacklists ended; it is started again");
    if (performance.now() - startedAt > restartMsMax) waitMs = restartMs;
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, restartMsMax);
  }
}

/** Runs one thread to its end. */
async function runThread({ dataDir, eventStore, log }: ReputationDeps, running: Running): Promise<void> {
  const { recorder, reported, signal } = running;
  const workerData: LearnerWorkerData = { dataDir, eventStore, path: join(dataDir, "reputation.db") };
  const worker = new Worker(new URL("./learner-worker.ts", import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 1_024, stackSizeMb: 4 },
  });
  worker.unref();
  const order = (message: LearnerOrder): void => worker.postMessage(message);
  worker.on("message", (message: LearnerMessage) => {
    if ("report" in message) reported(message.report);
    else if ("warning" in message) log.warn({ fault: message.error }, message.warning);
    else if ("ask" in message) {
      const { number } = message;
      record(recorder, message.ask).then(
        (recorded) => order({ number, recorded }),
        (error: unknown) => order({ number, fault: error instanceof Error ? error.message : String(error) }),
      );
    }
  });
  worker.on("error", (error) => log.warn({ err: error }, "the thread that learns blacklists failed"));
  const ended = once(worker, "exit").catch(() => undefined);
  const close = (): void => {
    order({ close: true });
    setTimeout(() => void worker.terminate(), closeWithinMs).unref();
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  await ended;
  signal.removeEventListener("abort", close);
}

async function record(recorder: ListingRecorder, call: RecorderCall): Promise<Recorded | undefined> {
  switch (call.call) {
    case "decided":
      return recorder.decided(call.decided);
    case "ticked":
      await recorder.ticked(call.at);
      return undefined;
    case "checkpointed":
      await recorder.checkpointed(call.part, call.at);
      return undefined;
  }
}
