import { createBoundedPool, type MessageText, OverBudget, standalone } from "@mailfold/mime";
import { FairQueue } from "@mailfold/rules";
import { type ContentLists, type ContentReading, type ListFindings, readWhole, searchLists } from "./read-content.ts";

/** Reads hostile messages in threads that are killed when they take too long. */
export interface ContentReader {
  /** `too-costly`: this message was being read and took more than the budget; `busy`: others were, for too long. */
  read(bytes: Uint8Array): Promise<ContentReading | "too-costly" | "busy">;
  /** Listed phrases and domains; undefined when there was no time for them. */
  search(text: MessageText, lists: ContentLists): Promise<ListFindings | undefined>;
  close(): Promise<void>;
}

/** Up to this size the thread hop costs more than the work. */
const inlineBytesMax = 4_096;

/** `threads`: most workers at once. `timeoutMs`: budget of one call, and before it of its wait in the queue. */
export function createContentReader(options: {
  readonly threads: number;
  readonly timeoutMs: number;
  readonly queueMax?: number;
}): ContentReader {
  const { threads, timeoutMs, queueMax = 256 } = options;
  const queue = new FairQueue({
    slots: threads,
    waitingMax: queueMax,
    waitingPerOwnerMax: queueMax,
    waitMs: timeoutMs,
  });
  const worker = new URL("./content-worker.ts", import.meta.url);
  // In its own queue work waits only for a thread to start: whoever has a turn has one.
  const pool = createBoundedPool({ worker, threads, timeoutMs });
  const runNow = async <T>(name: string, task: unknown): Promise<T | "too-costly"> => {
    try {
      return await pool.run<T>(name, task);
    } catch (cause) {
      if (cause instanceof OverBudget) return "too-costly";
      throw cause;
    }
  };
  const run = async <T>(name: string, task: unknown): Promise<T | "too-costly" | "busy"> => {
    const turn = await queue.run("", () => runNow<T>(name, task));
    return turn.ran ? turn.value : "busy";
  };
  return {
    async read(bytes) {
      return bytes.length <= inlineBytesMax
        ? readWhole(bytes)
        : run<ContentReading>("read", { bytes: standalone(bytes) });
    },
    async search(text, lists) {
      const characters = text.texts.reduce((sum, part) => sum + part.text.length, 0);
      const entries = lists.phrases.length + lists.urls.length;
      const isSmall = characters <= inlineBytesMax && entries <= smallListEntries;
      if (isSmall) return searchLists(text, lists);
      const found = await run<ListFindings>("search", { text, lists });
      return typeof found === "string" ? undefined : found;
    },
    close: () => pool.close(),
  };
}

const smallListEntries = 100;
