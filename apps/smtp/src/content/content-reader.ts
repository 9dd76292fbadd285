import type { MessageText } from "@mailfold/mime";
import { FairQueue } from "@mailfold/rules";
import { Piscina } from "piscina";
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
  const pool = new Piscina({
    filename: new URL("./content-worker.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 30_000,
    resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
  });
  const runNow = async <T>(name: string, task: unknown): Promise<T | "too-costly"> => {
    const budget = new AbortController();
    const timer = setTimeout(() => budget.abort(), timeoutMs);
    try {
      return (await pool.run(task, { name, signal: budget.signal })) as T;
    } catch (cause) {
      if (!isBudgetFault(cause)) throw cause;
      return "too-costly";
    } finally {
      clearTimeout(timer);
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
    close: () => pool.close({ force: true }),
  };
}

const smallListEntries = 100;

/** Posting a view copies all of the memory behind it: a small view of much memory is copied by itself first. */
function standalone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes;
}

/** Aborted, or a worker that died of its memory limit. */
function isBudgetFault(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { readonly code?: unknown }).code;
  return cause.name === "AbortError" || code === "ERR_WORKER_OUT_OF_MEMORY";
}
