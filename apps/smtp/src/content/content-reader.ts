import type { MessageText } from "@mailfold/mime";
import { Piscina } from "piscina";
import { type ContentLists, type ContentReading, type ListFindings, readWhole, searchLists } from "./read-content.ts";

/** Reads hostile messages in threads that are killed when they take too long. */
export interface ContentReader {
  /** undefined when the message took longer than the budget, or there was no room to wait. */
  read(bytes: Uint8Array): Promise<ContentReading | undefined>;
  /** Listed phrases and domains; undefined as above. */
  search(text: MessageText, lists: ContentLists): Promise<ListFindings | undefined>;
  close(): Promise<void>;
}

/** Up to this size the thread hop costs more than the work. */
const inlineBytesMax = 4_096;

/** `threads`: most workers at once. `timeoutMs`: budget of one call, its wait in the queue included. */
export function createContentReader(options: {
  readonly threads: number;
  readonly timeoutMs: number;
  readonly queueMax?: number;
}): ContentReader {
  const pool = new Piscina({
    filename: new URL("./content-worker.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: 30_000,
    maxQueue: options.queueMax ?? 256,
    resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
  });
  const run = async <T>(name: string, task: unknown): Promise<T | undefined> => {
    const budget = new AbortController();
    const timer = setTimeout(() => budget.abort(), options.timeoutMs);
    try {
      return (await pool.run(task, { name, signal: budget.signal })) as T;
    } catch (cause) {
      if (!isBudgetFault(cause)) throw cause;
      return undefined;
    } finally {
      clearTimeout(timer);
    }
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
      return isSmall ? searchLists(text, lists) : run<ListFindings>("search", { text, lists });
    },
    close: () => pool.close({ force: true }),
  };
}

const smallListEntries = 100;

/** Posting a view copies all of the memory behind it: a small view of much memory is copied by itself first. */
function standalone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes;
}

/** Aborted, refused by the full queue, or a worker that died of its memory limit. */
function isBudgetFault(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { readonly code?: unknown }).code;
  return cause.name === "AbortError" || code === "ERR_WORKER_OUT_OF_MEMORY" || /queue/i.test(cause.message);
}
