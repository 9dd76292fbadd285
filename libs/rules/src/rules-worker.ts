import { type ContentAnswer, type ContentTest, type MessageContent, matchContent } from "./match-content.ts";

/** Worker side of the pool: answers content tests within a budget of milliseconds. */
export function match(task: {
  readonly content: MessageContent;
  readonly tests: readonly ContentTest[];
  readonly budgetMs: number;
}): ContentAnswer[] {
  return matchContent(task.content, task.tests, { budgetMs: task.budgetMs, now: () => performance.now() });
}
