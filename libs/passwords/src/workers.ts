import type { Worker } from "node:worker_threads";
import { Piscina } from "piscina";

/** The pool cannot answer now: its queue is full, the deadline passed, or its workers keep dying. Try again later. */
export class PasswordsUnavailable extends Error {
  override readonly name = "PasswordsUnavailable";
  readonly retryAfterSeconds = 5;
}

/** Worker threads that run argon2-worker.ts. */
export interface Workers {
  /** Throws PasswordsUnavailable when the queue is full, the deadline passes, or workers keep dying. */
  run<T>(name: "derive" | "check", task: unknown): Promise<T>;
  /** The threads that run now; each may be ended at any time. */
  threads(): readonly Worker[];
  /** Ends the threads; what runs or waits is refused. */
  close(): Promise<void>;
}

const workerFile = new URL("./argon2-worker.ts", import.meta.url).href;
const attemptsMax = 3;

/** Starts `threads` workers. A task whose worker died is given to another one, a bounded number of times. */
export function createWorkers(threads: number, queueMax: number, deadlineMs: number): Workers {
  const start = () => {
    const started = new Piscina({
      filename: workerFile,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
    });
    // A worker that dies between tasks is replaced; its death must not take the process along.
    started.on("error", () => undefined);
    return started;
  };
  let pool = start();
  let closed = false;
  let taken = 0;
  // Piscina gives up for good when a worker dies while it starts, and would then queue for ever.
  const livePool = () => {
    if (pool.threads.length > 0) return pool;
    void pool.destroy();
    pool = start();
    return pool;
  };
  return {
    async run<T>(name: "derive" | "check", task: unknown): Promise<T> {
      // Counted here: Piscina's own limit does not see tasks that carry a signal.
      if (taken >= threads + queueMax) throw new PasswordsUnavailable("the queue of password checks is full");
      taken += 1;
      const signal = AbortSignal.timeout(deadlineMs);
      try {
        for (let attempt = 1; !closed; attempt += 1) {
          try {
            return await livePool().run(task, { name, signal });
          } catch (error) {
            if (!isWorkerLoss(error) || attempt >= attemptsMax || signal.aborted) throw asUnavailable(error);
          }
        }
        throw new PasswordsUnavailable("password checking has ended");
      } finally {
        taken -= 1;
      }
    },
    threads: () => pool.threads,
    async close() {
      closed = true;
      await pool.destroy();
    },
  };
}

// Piscina tells its errors apart by message only.
function isWorkerLoss(error: unknown): boolean {
  return error instanceof Error && /^(?:worker exited|Terminating worker)/.test(error.message);
}

function asUnavailable(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const unavailable = error.name === "AbortError" || isWorkerLoss(error);
  if (!unavailable) return error;
  return new PasswordsUnavailable("password checking is overloaded or not ready", { cause: error });
}
