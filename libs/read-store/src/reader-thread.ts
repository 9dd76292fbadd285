import { Worker } from "node:worker_threads";
import type { Row } from "@mailfold/kernel";
import type { RowQuery } from "./port.ts";
import { RowError } from "./row-values.ts";
import { type ProjectionTables, RowsUnavailable } from "./sql-reader.ts";
import type { ReaderMessage, ReaderRequest } from "./worker-messages.ts";

const queueMax = 256;
const deadlineMs = 15_000;
/** Hashing reads everything there is. */
const hashDeadlineMs = 600_000;

type Unnumbered<Request> = Request extends unknown ? Omit<Request, "id"> : never;

interface Waiting {
  readonly resolve: (message: ReaderMessage) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** One reader thread, started when first needed. Bounded queue; a read past its deadline costs the thread, not the process. */
export class ReaderThread {
  readonly #path: string;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 1;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  async select(projection: ProjectionTables, table: string, query: RowQuery): Promise<readonly Row[]> {
    const { name, tables } = projection;
    const message = await this.#ask({ type: "select", projection: { name, tables }, table, query }, deadlineMs);
    return "rows" in message ? message.rows : [];
  }

  async hash({ name, tables }: ProjectionTables): Promise<string> {
    const message = await this.#ask({ type: "hash", projection: { name, tables } }, hashDeadlineMs);
    return "hash" in message ? message.hash : "";
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = new Promise((resolve) => worker.once("exit", resolve));
    worker.postMessage("close");
    const timer = setTimeout(() => void worker.terminate(), 2_000);
    await exited;
    clearTimeout(timer);
  }

  #ask(request: Unnumbered<ReaderRequest>, timeoutMs: number): Promise<ReaderMessage> {
    if (this.#closed) return Promise.reject(new RowsUnavailable("the read store is closed"));
    if (this.#waiting.size >= queueMax) return Promise.reject(new RowsUnavailable("too many reads wait already"));
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(id), timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#running().postMessage({ ...request, id });
    });
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./reader-worker.ts", import.meta.url), { workerData: { path: this.#path } });
    worker.unref();
    worker.on("message", (message: ReaderMessage) => this.#answered(message));
    worker.on("error", (error) => this.#lost(worker, error));
    worker.on("exit", () => this.#lost(worker, new Error("the reader thread ended")));
    this.#worker = worker;
    return worker;
  }

  #answered(message: ReaderMessage): void {
    const waiting = this.#take(message.id);
    if (waiting === undefined) return;
    if (!("error" in message)) waiting.resolve(message);
    else if (message.name === "RowError") waiting.reject(new RowError(message.error));
    else waiting.reject(new RowsUnavailable(message.error));
  }

  #expire(id: number): void {
    this.#take(id)?.reject(new RowsUnavailable("the read took too long"));
    // SQLite cannot be interrupted from here; others that wait behind it ask again.
    const worker = this.#worker;
    if (worker !== undefined) void worker.terminate();
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(new RowsUnavailable(error.message));
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}
