import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { createEventCodec } from "@mailfold/events";
import { openKeys } from "@mailfold/keys";
import { openLogSource } from "../log-source.ts";
import { FactTable } from "./fact-table.ts";
import { PolicyOfLog, runSimulation } from "./run-simulation.ts";
import type { SimulationMessage, SimulationOrder, SimulationWorkerData } from "./simulation-calls.ts";

// Keeps the table of facts and tries changes on it: work that must not take time from those who serve mail.
const { dataDir, eventStore } = workerData as SimulationWorkerData;
/** Rows are taken in a few at a time, rather than all when somebody waits for them. */
const catchUpEveryMs = 15_000;
const closing = new AbortController();
const running = new Map<number, AbortController>();

function say(message: SimulationMessage): void {
  parentPort?.postMessage(message);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const log = await openLogSource({ dataDir, eventStore }, createEventCodec(openKeys({ dir: join(dataDir, "keys") })));
const table = await FactTable.open(join(dataDir, "facts"), log);
const policy = new PolicyOfLog(log);

async function keepUp(): Promise<void> {
  while (!closing.signal.aborted) {
    await table
      .catchUp(closing.signal)
      .catch((error: unknown) =>
        say({ warning: "the table of recorded facts is being retried", error: textOf(error) }),
      );
    await delay(catchUpEveryMs, undefined, { signal: closing.signal }).catch(() => undefined);
  }
}

type Simulate = Extract<SimulationOrder, { simulate: unknown }>;

async function simulate({ deadlineMs, number, simulate: request }: Simulate): Promise<void> {
  const cancel = new AbortController();
  running.set(number, cancel);
  try {
    const signal = AbortSignal.any([cancel.signal, closing.signal]);
    const progressed = (progress: { rows: number; rowsTotal: number }): void => say({ number, progress });
    say({ number, outcome: await runSimulation(request, { table, policy, signal, deadlineMs, progressed }) });
  } catch (error) {
    say({ number, fault: textOf(error) });
  } finally {
    running.delete(number);
  }
}

const keeping = keepUp();

async function close(): Promise<void> {
  closing.abort();
  await keeping;
  await log.close();
  say({ ended: true });
  parentPort?.close();
}

parentPort?.on("message", (order: SimulationOrder) => {
  if ("close" in order) void close();
  else if ("cancel" in order) running.get(order.cancel)?.abort();
  else void simulate(order);
});
