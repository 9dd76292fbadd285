import { Piscina } from "piscina";

/** A call that took longer than its budget, found no room in the queue, or whose worker died of its memory limit. */
export class OverBudget extends Error {
  constructor(options?: ErrorOptions) {
    super("a worker's budget was exceeded", options);
    this.name = "OverBudget";
  }
}

/** Threads for work on hostile bytes: killed when they take too long or too much. */
export interface BoundedPool {
  /** Calls an export of the worker file. Throws OverBudget, and what the worker throws. */
  run<T>(name: string, task: unknown): Promise<T>;
  close(): Promise<void>;
}

/** `threads`: most workers at once. `timeoutMs`: budget of one call, its wait for a thread included. `queueMax`: default 256. */
export function createBoundedPool(options: {
  readonly worker: URL;
  readonly threads: number;
  readonly timeoutMs: number;
  readonly queueMax?: number | undefined;
}): BoundedPool {
  const pool = new Piscina({
    filename: options.worker.href,
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: 30_000,
    maxQueue: options.queueMax ?? 256,
    resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
  });
  return {
    async run<T>(name: string, task: unknown): Promise<T> {
      const budget = new AbortController();
      const timer = setTimeout(() => budget.abort(), options.timeoutMs);
      try {
        return (await pool.run(task, { name, signal: budget.signal })) as T;
      } catch (cause) {
        throw isBudgetFault(cause) ? new OverBudget({ cause }) : cause;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => pool.close({ force: true }),
  };
}

/** Posting a view copies all of the memory behind it: a small view of much memory is copied by itself first. */
export function standalone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes;
}

/** Aborted, refused by the full queue, or a worker that died of its memory limit. */
function isBudgetFault(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { readonly code?: unknown }).code;
  return cause.name === "AbortError" || code === "ERR_WORKER_OUT_OF_MEMORY" || /queue/i.test(cause.message);
}
