import { Piscina } from "piscina";
import { FairQueue } from "./fair-queue.ts";
import {
  type ContentAnswer,
  type ContentAnswers,
  type ContentTest,
  contentCharactersMax,
  contentTestKey,
  type MessageContent,
} from "./match-content.ts";

/** Answers content tests off the main thread. */
export interface ContentPool {
  /**
   * Answers by test, ready for `RuleInput.content`. Never rejects for want of time or room: then all tests are
   * undecided, and their rules count as not matching. `owner`: whose tests they are; owners take turns.
   */
  match(content: MessageContent, tests: readonly ContentTest[], owner: string): Promise<ContentAnswers>;
  close(): Promise<void>;
}

/**
 * `threads`: most workers at once. `budgetMs`: time for the tests of one message. `timeoutMs`: a call's wait in the queue, and
 * again its run; a worker still busy then is killed. `queueMax`: calls that may wait, a quarter of them one owner's.
 */
export function createContentPool(options: {
  readonly threads: number;
  readonly budgetMs: number;
  readonly timeoutMs: number;
  readonly queueMax?: number;
}): ContentPool {
  const { threads, timeoutMs, queueMax = 256 } = options;
  const queue = new FairQueue({
    slots: threads,
    waitingMax: queueMax,
    waitingPerOwnerMax: Math.ceil(queueMax / 4),
    waitMs: timeoutMs,
  });
  const pool = new Piscina({
    filename: new URL("./rules-worker.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 30_000,
    resourceLimits: { maxOldGenerationSizeMb: 256, stackSizeMb: 4 },
  });
  const run = async (content: MessageContent, tests: readonly ContentTest[]): Promise<readonly ContentAnswer[]> => {
    const task = { content: capped(content), tests, budgetMs: options.budgetMs };
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      return (await pool.run(task, { name: "match", signal: deadline.signal })) as ContentAnswer[];
    } catch (cause) {
      if (!isBudgetFault(cause)) throw cause;
      return [];
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    async match(content, tests, owner) {
      const turn = await queue.run(owner, () => run(content, tests));
      return byKey(tests, turn.ran ? turn.value : []);
    },
    close: () => pool.close({ force: true }),
  };
}

/** What would not be looked at is not copied to the worker either. */
function capped({ texts, attachmentNames }: MessageContent): MessageContent {
  let room = contentCharactersMax;
  const kept: string[] = [];
  for (const text of texts) {
    if (room <= 0) break;
    kept.push(text.slice(0, room));
    room -= text.length;
  }
  return { texts: kept, attachmentNames: attachmentNames.slice(0, 1_000).map((name) => name.slice(0, 1_000)) };
}

function byKey(tests: readonly ContentTest[], answers: readonly ContentAnswer[]): ContentAnswers {
  return new Map(tests.map((test, index) => [contentTestKey(test), answers[index] ?? { result: "undecided" }]));
}

/** Aborted, or a worker that died of its memory limit. */
function isBudgetFault(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { readonly code?: unknown }).code;
  return cause.name === "AbortError" || code === "ERR_WORKER_OUT_OF_MEMORY";
}
