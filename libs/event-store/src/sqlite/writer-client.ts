import { Worker } from "node:worker_threads";
import { EventStoreFault } from "../port.ts";
import type { WriterSettings } from "./writer-loop.ts";
import type { Answer, FaultData, FromWriter, OutcomesMessage, OutgoingAppend, ToWriter } from "./writer-protocol.ts";
import { packRequest, unpackOutcomes } from "./writer-protocol.ts";

/** One request to the writer; its `bytes` must not change before the answer. */
export interface WriteRequest {
  readonly appends: readonly OutgoingAppend[];
  readonly payload?: string;
  readonly bytes?: readonly Uint8Array[];
}
type Written = Exclude<Answer, { readonly kind: "failed" }>;

interface Waiting {
  readonly resolve: (answer: Written) => void;
  readonly reject: (fault: EventStoreFault) => void;
  readonly sizeBytes: number;
}
interface RunningTask {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (fault: EventStoreFault) => void;
}

/** Bounds of what may wait for the writer; beyond them a request is refused as `overloaded`. */
export interface WriterLimits {
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
}
const defaultWriterLimits: WriterLimits = { waitingMax: 20_000, waitingBytesMax: 128 * 1024 * 1024 };

/** What the caller's side passes on. */
export interface WriterHooks {
  readonly onHead: (head: number) => void;
  /** Once, when nothing more can be written: an I/O or fsync error, damage, or the thread's end. */
  readonly onFatal?: ((fault: EventStoreFault) => void) | undefined;
}

/** Requests, and octets of them, that are handed over although the writer is still busy with earlier ones. */
const gatheredMax = 64;
const gatheredBytesMax = 512 * 1024;

/** The caller's side of the writer thread: one message at a time, however many requests it holds. */
export class WriterClient {
  readonly #worker: Worker;
  readonly #limits: WriterLimits;
  readonly #hooks: WriterHooks;
  readonly #waiting = new Map<number, Waiting>();
  readonly #tasks = new Map<number, RunningTask>();
  #waitingBytes = 0;
  #ticket = 0;
  #items: (string | number)[] = [];
  #bytes: Uint8Array[] = [];
  /** Requests not yet handed to the thread, and what they hold in memory. */
  #unsent = 0;
  #unsentBytes = 0;
  #flushing = false;
  /** Before that, whoever starts it hears of its end. */
  #isReady = false;
  #stopped: EventStoreFault | undefined;
  #closed: Promise<void> | undefined;
  #onClosed: (() => void) | undefined;

  private constructor(worker: Worker, limits: WriterLimits, hooks: WriterHooks) {
    this.#worker = worker;
    this.#limits = limits;
    this.#hooks = hooks;
  }

  /**
   * Starts the thread and waits until it has opened the file.
   * @throws EventStoreFault corrupt | unavailable
   */
  static async start(options: {
    readonly workerUrl: URL;
    readonly settings: WriterSettings;
    readonly limits?: WriterLimits;
    readonly hooks: WriterHooks;
  }): Promise<{ readonly client: WriterClient; readonly head: number; readonly epoch: string }> {
    const worker = new Worker(options.workerUrl, {
      workerData: options.settings,
      name: "log-writer",
      // Not the flags of whatever program this runs in.
      execArgv: [],
    });
    const client = new WriterClient(worker, options.limits ?? defaultWriterLimits, options.hooks);
    const ready = await new Promise<FromWriter>((resolve, reject) => {
      client.#listen(resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new EventStoreFault("fatal", `the log's writer ended at once (${code})`)));
    });
    if (ready.kind !== "ready") {
      await worker.terminate();
      throw ready.kind === "refused" ? toFault(ready.fault) : new Error(`invariant broken: ${ready.kind} before ready`);
    }
    client.#isReady = true;
    return { client, head: ready.head, epoch: ready.epoch };
  }

  /** Resolves after the request is durable, or with its conflict. Rejects with an EventStoreFault. */
  send(request: WriteRequest): Promise<Written> {
    const sizeBytes = sizeOf(request);
    const refused = this.#stopped ?? this.#overload(sizeBytes);
    if (refused !== undefined) return Promise.reject(refused);
    const ticket = ++this.#ticket;
    let bytesLength = 0;
    for (const part of request.bytes ?? []) {
      // Copied once, into the buffer of a message: the caller keeps its own.
      this.#bytes.push(part);
      bytesLength += part.byteLength;
    }
    packRequest(this.#items, { ticket, appends: request.appends, payload: request.payload ?? "", bytesLength });
    this.#unsent += 1;
    this.#unsentBytes += sizeBytes;
    this.#waitingBytes += sizeBytes;
    const written = new Promise<Written>((resolve, reject) =>
      this.#waiting.set(ticket, { resolve, reject, sizeBytes }),
    );
    this.#scheduleFlush();
    return written;
  }

  /** Runs a named task in the writer, in turn with commits. */
  task(name: string, argument: unknown): Promise<unknown> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    this.#flush();
    const ticket = ++this.#ticket;
    this.#post({ kind: "task", ticket, name, argument });
    return new Promise((resolve, reject) => this.#tasks.set(ticket, { resolve, reject }));
  }

  /** Lets what waits finish, then ends the thread. Later requests are refused as `closed`. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#flush();
    // After an I/O error nothing more is written, not even what closing would carry over: the next start reads what is there.
    const alreadyStopped = this.#stopped !== undefined;
    this.#stopped ??= new EventStoreFault("closed", "the log is closed");
    if (!alreadyStopped) {
      await new Promise<void>((resolve) => {
        this.#onClosed = resolve;
        this.#post({ kind: "close" });
      });
    }
    await this.#worker.terminate();
  }

  /** The thread's first message says whether it could open the file; the others are answers. */
  #listen(onFirst: (message: FromWriter) => void): void {
    this.#worker.once("message", (first: FromWriter) => {
      this.#worker.on("message", (message: FromWriter) => this.#receive(message));
      onFirst(first);
    });
    this.#worker.on("error", (error) => this.#stop(`the log's writer failed: ${error.message}`, error));
    this.#worker.on("exit", () => {
      if (this.#onClosed === undefined) this.#stop("the log's writer ended");
      this.#onClosed?.();
    });
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case "outcomes":
        this.#settle(message);
        break;
      case "taskDone":
        this.#hooks.onHead(message.head);
        this.#endTask(message.ticket)?.resolve(message.answer);
        break;
      case "taskFailed":
        this.#endTask(message.ticket)?.reject(this.#toFault(message.fault));
        break;
      case "closed":
        this.#onClosed?.();
        break;
      default:
        throw new Error(`invariant broken: ${message.kind} from the log's writer`);
    }
  }

  #settle(message: OutcomesMessage): void {
    // Subscribers hear of the commit before the appenders' promises run, so both see the same head.
    this.#hooks.onHead(message.head);
    for (const [ticket, answer] of unpackOutcomes(message)) {
      const waiting = this.#waiting.get(ticket);
      if (waiting === undefined) continue;
      this.#waiting.delete(ticket);
      this.#waitingBytes -= waiting.sizeBytes;
      if (answer.kind === "failed") waiting.reject(this.#toFault(answer.fault));
      else waiting.resolve(answer);
    }
    if (this.#unsent > 0 && this.#unsent === this.#waiting.size) this.#flush();
  }

  /**
   * A writer with nothing to do gets its work at the end of this turn. While it commits, requests gather and share the
   * next message and the next commit, up to a size that is worth handing over early.
   */
  #scheduleFlush(): void {
    if (this.#flushing) return;
    const sent = this.#waiting.size - this.#unsent;
    if (sent > 0 && this.#unsent < gatheredMax && this.#unsentBytes < gatheredBytesMax) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #endTask(ticket: number): RunningTask | undefined {
    const task = this.#tasks.get(ticket);
    this.#tasks.delete(ticket);
    return task;
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#items.length === 0) return;
    const bytes = joinBytes(this.#bytes);
    this.#post({ kind: "batch", items: this.#items, bytes }, bytes === undefined ? [] : [bytes]);
    this.#items = [];
    this.#bytes = [];
    this.#unsent = 0;
    this.#unsentBytes = 0;
  }

  #post(message: ToWriter, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  #overload(sizeBytes: number): EventStoreFault | undefined {
    const { waitingMax, waitingBytesMax } = this.#limits;
    const fits = this.#waitingBytes + sizeBytes <= waitingBytesMax || this.#waiting.size === 0;
    if (this.#waiting.size < waitingMax && fits) return undefined;
    return new EventStoreFault("overloaded", `${this.#waiting.size} requests wait for the log's writer`);
  }

  /** After one of these nobody knows what is on the disk: whatever comes later is refused with it. */
  #toFault(data: FaultData): EventStoreFault {
    const fault = toFault(data);
    if (fault.kind === "fatal" || fault.kind === "corrupt") this.#fail(fault);
    return fault;
  }

  /** Answers what requests are refused with from now on. */
  #fail(fault: EventStoreFault): EventStoreFault {
    if (this.#stopped !== undefined) return this.#stopped;
    this.#stopped = fault;
    if (this.#isReady) this.#hooks.onFatal?.(fault);
    return fault;
  }

  /** The thread is gone; unless it was closed, that is the end of the log for this process. */
  #stop(message: string, cause?: unknown): void {
    const fault = this.#fail(new EventStoreFault("fatal", message, { cause }));
    for (const { reject } of [...this.#waiting.values(), ...this.#tasks.values()]) reject(fault);
    this.#waiting.clear();
    this.#tasks.clear();
    this.#waitingBytes = 0;
  }
}

function toFault(data: FaultData): EventStoreFault {
  return new EventStoreFault(data.kind, data.message);
}

/** Roughly what a request holds in memory while it waits. */
function sizeOf(request: WriteRequest): number {
  let size = request.payload?.length ?? 0;
  for (const part of request.bytes ?? []) size += part.byteLength;
  for (const { events } of request.appends) {
    for (const event of events) size += event.data.length + event.metadata.length + 100;
  }
  return size;
}

function joinBytes(parts: readonly Uint8Array[]): ArrayBuffer | undefined {
  if (parts.length === 0) return undefined;
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.byteLength;
  }
  return joined.buffer;
}
