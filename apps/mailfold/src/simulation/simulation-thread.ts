import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { SimulationEngine } from "@mailfold/app-api";
import type { Logger } from "@mailfold/telemetry";
import type { SimulationMessage, SimulationOrder, SimulationWorkerData } from "./simulation-calls.ts";

export interface SimulationDeps extends SimulationWorkerData {
  readonly log: Pick<Logger, "warn">;
}

/** The thread that tries changes on recorded traffic, and what the API asks of it. */
export interface SimulationThread extends SimulationEngine {
  close(): Promise<void>;
}

const restartMs = 1_000;
const restartMsMax = 60_000;
/** A stop waits no longer: what was being tried is given up, and rows that are in no file yet are read again. */
const closeWithinMs = 3_000;

type Waiting = Pick<Parameters<SimulationEngine["run"]>[1], "progressed"> & {
  readonly resolve: (outcome: Awaited<ReturnType<SimulationEngine["run"]>>) => void;
  readonly reject: (error: Error) => void;
};

/** Starts the thread; one that dies is started again, and what it was doing fails. */
export function startSimulations(deps: SimulationDeps): SimulationThread {
  const abort = new AbortController();
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let number = 0;

  function take(message: SimulationMessage): void {
    if ("warning" in message) return deps.log.warn({ fault: message.error }, message.warning);
    if ("ended" in message) return;
    const one = waiting.get(message.number);
    if ("progress" in message) return one?.progressed(message.progress);
    waiting.delete(message.number);
    if ("fault" in message) one?.reject(new Error(message.fault));
    else one?.resolve(message.outcome);
  }

  async function runThread(): Promise<void> {
    const { dataDir, eventStore } = deps;
    const started = new Worker(new URL("./simulation-worker.ts", import.meta.url), {
      workerData: { dataDir, eventStore } satisfies SimulationWorkerData,
      resourceLimits: { maxOldGenerationSizeMb: 1_024, stackSizeMb: 4 },
    });
    started.unref();
    worker = started;
    started.on("message", take);
    started.on("error", (error) => deps.log.warn({ err: error }, "the thread of simulations failed"));
    const close = (): void => {
      started.postMessage({ close: true } satisfies SimulationOrder);
      setTimeout(() => void started.terminate(), closeWithinMs).unref();
    };
    abort.signal.addEventListener("abort", close, { once: true });
    if (abort.signal.aborted) close();
    await once(started, "exit").catch(() => undefined);
    abort.signal.removeEventListener("abort", close);
    worker = undefined;
    for (const one of waiting.values()) one.reject(new Error("the thread of simulations ended"));
    waiting.clear();
  }

  async function keepRunning(): Promise<void> {
    let waitMs = restartMs;
    while (!abort.signal.aborted) {
      const startedAt = performance.now();
      await runThread();
      if (performance.now() - startedAt > restartMsMax) waitMs = restartMs;
      if (!abort.signal.aborted) await delay(waitMs, undefined, { signal: abort.signal }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, restartMsMax);
    }
  }
  const done = keepRunning();

  return {
    run(request, { deadlineMs, progressed, signal }) {
      const thread = worker;
      if (thread === undefined) return Promise.reject(new Error("simulations are being started"));
      const own = ++number;
      const order = (message: SimulationOrder): void => thread.postMessage(message);
      return new Promise((resolve, reject) => {
        waiting.set(own, { progressed, resolve, reject });
        order({ simulate: request, number: own, deadlineMs });
        signal.addEventListener("abort", () => order({ cancel: own }), { once: true });
      });
    },
    async close() {
      abort.abort();
      await done;
    },
  };
}
