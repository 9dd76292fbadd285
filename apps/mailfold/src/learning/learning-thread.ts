import { Worker } from "node:worker_threads";
import type { LearningAnswers, LearningCall, LearningReply, LearningWorkerData } from "./learning-calls.ts";

/** The learner's thread or its file failed; it is opened again. `corrupt`: the file must be begun anew. */
export class LearningFault extends Error {
  readonly corrupt: boolean;

  constructor(message: string, corrupt = false) {
    super(message);
    this.name = "LearningFault";
    this.corrupt = corrupt;
  }
}

/** A call took longer than its budget; the thread was ended, and nothing of that call was written. */
export class LearningOverBudget extends Error {}

/** The thread that reads marked messages and owns the token store. Calls wait for one another. */
export interface LearningThread {
  ask<Call extends LearningCall>(request: Call, budgetMs: number): Promise<LearningAnswers[Call["call"]]>;
  /** Ends the thread; the next call must be `open`, which starts another. */
  end(): Promise<void>;
}

/** Makes the handle; a thread runs from the first call on. */
export function createLearningThread(data: LearningWorkerData): LearningThread {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function end(): Promise<void> {
    const ending = worker;
    worker = undefined;
    await ending?.terminate();
  }

  async function ask<Call extends LearningCall>(request: Call, budgetMs: number) {
    if (worker === undefined && request.call !== "open") throw new LearningFault("the learner's thread has ended");
    worker ??= started(data, (ended) => {
      if (worker === ended) worker = undefined;
    });
    const reply = await replyOf(worker, request, budgetMs).catch(async (error: unknown) => {
      await end();
      throw error;
    });
    if ("fault" in reply) throw new LearningFault(reply.fault, reply.corrupt);
    return reply.answer as LearningAnswers[Call["call"]];
  }

  return {
    ask(request, budgetMs) {
      const turn = last.then(() => ask(request, budgetMs));
      last = turn.catch(() => undefined);
      return turn;
    },
    end,
  };
}

function started(data: LearningWorkerData, onExit: (worker: Worker) => void): Worker {
  const worker = new Worker(new URL("./learning-worker.ts", import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: 256, stackSizeMb: 4 },
  });
  worker.unref();
  // Said by whoever waits for an answer; between calls the next one finds out.
  worker.on("error", () => undefined);
  worker.on("exit", () => onExit(worker));
  return worker;
}

function replyOf(worker: Worker, request: LearningCall, budgetMs: number): Promise<LearningReply> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      worker.off("message", onMessage);
      worker.off("error", onError);
      worker.off("exit", onExit);
      act();
    };
    const onMessage = (reply: LearningReply): void => settle(() => resolve(reply));
    const onError = (error: Error): void => settle(() => reject(new LearningFault(error.message)));
    const onExit = (): void => settle(() => reject(new LearningFault("the learner's thread ended")));
    const timer = setTimeout(
      () => settle(() => reject(new LearningOverBudget(`${request.call} took longer than ${budgetMs} ms`))),
      budgetMs,
    );
    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.on("exit", onExit);
    worker.postMessage(request);
  });
}
