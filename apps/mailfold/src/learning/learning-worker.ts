import { parentPort, workerData } from "node:worker_threads";
import { isCorrupt, type LearnableMark, type MarkStore, openMarkStore, tokenize } from "@mailfold/classifier";
import { readMessageText } from "@mailfold/mime";
import type {
  LearningAnswers,
  LearningCall,
  LearningReply,
  LearningWorkerData,
  LearnOutcome,
} from "./learning-calls.ts";

// Reads hostile messages and writes the token store: both may take long, and a thread that does can be killed.
const { path, epoch, tokensMax } = workerData as LearningWorkerData;
let opened: MarkStore | undefined;

function store(): MarkStore {
  if (opened === undefined) throw new Error("the learner's file is not open");
  return opened;
}

function learn(mark: LearnableMark, bytes: Uint8Array | undefined): LearnOutcome {
  let tokens: readonly string[] | undefined;
  let unreadable = false;
  try {
    tokens = bytes === undefined ? undefined : tokenize(readMessageText(bytes));
  } catch {
    unreadable = true;
  }
  const outcome = store().learn(mark, tokens);
  return unreadable ? "unreadable" : outcome;
}

function answer(request: LearningCall): LearningAnswers[keyof LearningAnswers] {
  switch (request.call) {
    case "open": {
      opened?.close();
      opened = undefined;
      const made = openMarkStore(path, { epoch, tokensMax }, request.fresh);
      opened = made.store;
      return {
        checkpoint: made.store.checkpoint(),
        ...(made.rebuilt === undefined ? {} : { rebuilt: made.rebuilt }),
      };
    }
    case "learn":
      return learn(request.mark, request.bytes);
    case "pass":
      store().pass(request.position);
      return undefined;
    case "expire":
      return store().expire(request, request.limit);
    case "tenants":
      return store().tenants();
    case "forget":
      store().forget(request.tenantId);
      return undefined;
    case "close":
      opened?.close();
      opened = undefined;
      return undefined;
  }
}

function reply(request: LearningCall): LearningReply {
  try {
    return { answer: answer(request) };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error), corrupt: isCorrupt(error) };
  }
}

parentPort?.on("message", (request: LearningCall) => parentPort?.postMessage(reply(request)));
