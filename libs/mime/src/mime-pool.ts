import { Piscina } from "piscina";
import { indexMessage } from "./index-message.ts";
import type { ContentTerm } from "./match-message.ts";
import { type MessagePreview, readMessagePreview } from "./message-preview.ts";
import { type MessageText, readMessageText } from "./message-text.ts";
import type { MimeIndex } from "./mime-index.ts";

/** A parse that took longer than its budget, or found no room in the queue. The message stays readable raw. */
export class MimeBudgetExceeded extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} exceeded its budget`, options);
    this.name = "MimeBudgetExceeded";
  }
}

/** Parses hostile bytes in threads that are killed when they take too long. */
export interface MimePool {
  /** Small inputs are indexed on the spot, larger ones in a worker. Throws MimeBudgetExceeded. */
  index(bytes: Uint8Array): Promise<MimeIndex>;
  /** What a message says, decoded; small messages on the spot. Throws MimeBudgetExceeded. */
  text(bytes: Uint8Array): Promise<MessageText>;
  /** A look at a message that nobody trusts; small messages on the spot. Throws MimeBudgetExceeded. */
  preview(bytes: Uint8Array): Promise<MessagePreview>;
  /** Which messages satisfy which terms: one row a message. Throws MimeBudgetExceeded. */
  match(messages: readonly Uint8Array[], terms: readonly ContentTerm[]): Promise<readonly (readonly boolean[])[]>;
  close(): Promise<void>;
}

/** Below this the thread hop costs more than the work; hostile input of this size stays below 5 ms. */
const inlineBytesMax = 32_768;

/** `threads`: most workers at once. `timeoutMs`: budget of one call, its wait in the queue included. */
export function createMimePool(options: {
  readonly threads: number;
  readonly timeoutMs: number;
  readonly queueMax?: number;
}): MimePool {
  const pool = new Piscina({
    filename: new URL("./mime-worker.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: 30_000,
    maxQueue: options.queueMax ?? 256,
    resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
  });
  const run = async <T>(name: string, task: unknown): Promise<T> => {
    const budget = new AbortController();
    const timer = setTimeout(() => budget.abort(), options.timeoutMs);
    try {
      return (await pool.run(task, { name, signal: budget.signal })) as T;
    } catch (cause) {
      if (!isBudgetFault(cause)) throw cause;
      throw new MimeBudgetExceeded(`mime ${name}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    async index(bytes) {
      if (bytes.length <= inlineBytesMax) return indexMessage(bytes);
      return run<MimeIndex>("index", { bytes: standalone(bytes) });
    },
    async text(bytes) {
      if (bytes.length <= inlineBytesMax) return readMessageText(bytes);
      return run<MessageText>("text", { bytes: standalone(bytes) });
    },
    async preview(bytes) {
      if (bytes.length <= inlineBytesMax) return readMessagePreview(bytes);
      return run<MessagePreview>("preview", { bytes: standalone(bytes) });
    },
    match: (messages, terms) => run("match", { messages: messages.map(standalone), terms }),
    close: () => pool.close({ force: true }),
  };
}

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
