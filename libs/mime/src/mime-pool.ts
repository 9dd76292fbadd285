import { createBoundedPool, OverBudget, standalone } from "./bounded-pool.ts";
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
  const pool = createBoundedPool({ worker: new URL("./mime-worker.ts", import.meta.url), ...options });
  const run = async <T>(name: string, task: unknown): Promise<T> => {
    try {
      return await pool.run<T>(name, task);
    } catch (cause) {
      if (!(cause instanceof OverBudget)) throw cause;
      throw new MimeBudgetExceeded(`mime ${name}`, { cause });
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
    close: () => pool.close(),
  };
}
