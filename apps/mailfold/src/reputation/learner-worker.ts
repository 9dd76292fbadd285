import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { createEventCodec } from "@mailfold/events";
import { openKeys } from "@mailfold/keys";
import { openLogSource } from "../log-source.ts";
import { type Learner, startLearner } from "./follow-log.ts";
import type { LearnerMessage, LearnerOrder, LearnerWorkerData, RecorderCall } from "./learner-calls.ts";
import type { Recorded } from "./listing-recorder.ts";

// Reads the whole log and folds it: work that must not take time from those who serve mail.
const { dataDir, eventStore, path } = workerData as LearnerWorkerData;
const waiting = new Map<
  number,
  { resolve: (recorded: Recorded | undefined) => void; reject: (error: Error) => void }
>();
let asked = 0;

function say(message: LearnerMessage): void {
  parentPort?.postMessage(message);
}

/** Has the writer of the log record something; there is at most one decision and one tick under way. */
function ask(call: RecorderCall): Promise<Recorded | undefined> {
  const number = ++asked;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    say({ number, ask: call });
  });
}

const log = await openLogSource({ dataDir, eventStore }, createEventCodec(openKeys({ dir: join(dataDir, "keys") })));
const learner: Learner = startLearner({
  log,
  path,
  clock: { now: Date.now },
  recorder: {
    decided: async (decided) => (await ask({ call: "decided", decided })) ?? "recorded",
    ticked: async (at) => void (await ask({ call: "ticked", at })),
    checkpointed: async (part, at) => void (await ask({ call: "checkpointed", part, at })),
  },
  report: (report) => say({ report }),
  warn: (warning, error) =>
    say({ warning, ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }) }),
});

async function close(): Promise<void> {
  await learner.close();
  await log.close();
  say({ ended: true });
  parentPort?.close();
}

parentPort?.on("message", (order: LearnerOrder) => {
  if ("close" in order) {
    void close();
    return;
  }
  const caller = waiting.get(order.number);
  waiting.delete(order.number);
  if ("fault" in order) caller?.reject(new Error(order.fault));
  else caller?.resolve(order.recorded);
});
