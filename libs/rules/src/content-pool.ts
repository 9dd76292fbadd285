import { Piscina } from "piscina";
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
   * undecided, and their rules count as not matching.
   */
  match(content: MessageContent, tests: readonly ContentTest[]): Promise<ContentAnswers>;
  close(): Promise<void>;
}

/**
 * `threads`: most workers at once. `budgetMs`: time for the tests of one message. `timeoutMs`: one call with its wait in
 * the queue; a worker still busy then is killed. `queueMax`: calls that may wait.
 */
export function createContentPool(options: {
  readonly threads: number;
  readonly budgetMs: number;
  readonly timeoutMs: number;
  readonly queueMax?: number;
}): ContentPool {
  const pool = new Piscina({
    filename: new URL("./rules-worker.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: 30_000,
    maxQueue: options.queueMax ?? 256,
    resourceLimits: { maxOldGenerationSizeMb: 256, stackSizeMb: 4 },
  });
  return {
    async match(content, tests) {
      const task = { content: capped(content), tests, budgetMs: options.budgetMs };
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
      try {
        const answers = (await pool.run(task, { name: "match", signal: deadline.signal })) as ContentAnswer[];
        return byKey(tests, answers);
      } catch (cause) {
        if (!isBudgetFault(cause)) throw cause;
        return byKey(tests, []);
      } finally {
        clearTimeout(timer);
      }
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

/** Aborted, refused by the full queue, or a worker that died of its memory limit. */
function isBudgetFault(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { readonly code?: unknown }).code;
  return cause.name === "AbortError" || code === "ERR_WORKER_OUT_OF_MEMORY" || /queue/i.test(cause.message);
}
