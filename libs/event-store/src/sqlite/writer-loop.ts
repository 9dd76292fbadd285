import type { MessagePort } from "node:worker_threads";
import { BroadcastChannel, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { EventStoreFault } from "../port.ts";
import { openLogForWriting } from "./log-file.ts";
import type { Shelf } from "./log-schema.ts";
import type { ExpiryCutOffs } from "./log-tasks.ts";
import { backupLog, deleteStreams, expireBuckets } from "./log-tasks.ts";
import { LogWriter } from "./log-writer.ts";
import type { BatchMessage, FaultData, FromWriter, TaskMessage, TicketedRequest, ToWriter } from "./writer-protocol.ts";
import { packOutcomes, unpackRequests } from "./writer-protocol.ts";
import type { WriterExtension } from "./writer-request.ts";

/** Events that share one commit at most: beyond it the first of them would wait too long. */
const batchEventsMax = 1_000;

/** What the writer's thread is started with. */
export interface WriterSettings {
  readonly path: string;
  readonly channel: string;
}

/** Name of the channel on which a log's writer tells other threads its new head. */
export function logChannelName(path: string): string {
  return `mailfold-log:${path}`;
}

/** Runs the writer on this worker thread until its owner closes it. `extend` makes the journal's tables part of it. */
export function runWriterThread(extend?: (settings: unknown) => WriterExtension): void {
  const port = parentPort;
  if (port === null) throw new Error("invariant broken: the log's writer runs on a worker thread");
  const settings = workerData as WriterSettings;
  const post = (message: FromWriter): void => port.postMessage(message);
  try {
    const db = openLogForWriting(settings.path);
    const extension = extend?.(settings);
    const writer = new LogWriter(db, settings.path, extension);
    const { epoch } = db.prepare("SELECT epoch FROM log").get() as { epoch: string };
    new WriterLoop(writer, port, { channel: new BroadcastChannel(settings.channel), extension }).start();
    post({ kind: "ready", head: writer.head, epoch });
  } catch (error) {
    post({ kind: "refused", fault: toFaultData(error) });
    port.close();
  }
}

class WriterLoop {
  readonly #writer: LogWriter;
  readonly #port: MessagePort;
  readonly #channel: BroadcastChannel;
  readonly #extension: WriterExtension | undefined;
  readonly #queue: TicketedRequest[] = [];
  #tasksRunning = 0;
  #scheduled = false;
  #closing = false;

  constructor(
    writer: LogWriter,
    port: MessagePort,
    links: { readonly channel: BroadcastChannel; readonly extension: WriterExtension | undefined },
  ) {
    this.#writer = writer;
    this.#port = port;
    this.#channel = links.channel;
    this.#extension = links.extension;
  }

  start(): void {
    this.#channel.unref();
    this.#port.on("message", (message: ToWriter) => {
      this.#take(message);
      this.#work();
    });
  }

  #take(message: ToWriter): void {
    if (message.kind === "batch") this.#takeBatch(message);
    else if (message.kind === "task") this.#startTask(message);
    else this.#closing = true;
  }

  #takeBatch(message: BatchMessage): void {
    for (const request of unpackRequests(message)) this.#queue.push(request);
  }

  /** Commits what has arrived; whatever arrives during the commit is the next batch. */
  #work(): void {
    if (this.#scheduled) return;
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message as ToWriter);
    }
    this.#commitBatch();
    if (this.#queue.length > 0) {
      // Back to the event loop between commits, so that a backup or an expiry gets its turn.
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#work();
      });
    } else if (this.#closing && this.#tasksRunning === 0) {
      this.#close();
    }
  }

  #commitBatch(): void {
    if (this.#queue.length === 0) return;
    const batch = this.#queue.splice(0, batchLength(this.#queue));
    const before = this.#writer.head;
    const outcomes = this.#writer.writeBatch(batch);
    this.#post(packOutcomes(this.#writer.head, batch, outcomes));
    if (this.#writer.head > before) this.#channel.postMessage(this.#writer.head);
  }

  #startTask(message: TaskMessage): void {
    this.#tasksRunning += 1;
    this.#runTask(message).then(
      (answer) => this.#endTask({ kind: "taskDone", ticket: message.ticket, answer, head: this.#writer.head }),
      (error: unknown) => this.#endTask({ kind: "taskFailed", ticket: message.ticket, fault: toFaultData(error) }),
    );
  }

  async #runTask({ name, argument }: TaskMessage): Promise<unknown> {
    const writer = this.#writer;
    if (writer.fatal !== undefined) throw writer.fatal;
    switch (name) {
      case "setEpoch":
        return writer.transact(() => writer.db.prepare("UPDATE log SET epoch = ?").run(argument as string).changes);
      case "expire":
        return expireBuckets(writer, argument as ExpiryCutOffs);
      case "deleteStreams":
        return deleteStreams(writer, argument as readonly { stream: string; shelf: Shelf }[]);
      case "backup":
        return backupLog(writer, argument as string);
      case "pagesMax":
        return writer.db.prepare(`PRAGMA max_page_count = ${Number(argument)}`).get();
      default: {
        const running = this.#extension?.task?.(name, argument, (work) => writer.transact(work));
        if (running === undefined) throw new Error(`invariant broken: the writer has no task ${name}`);
        return running;
      }
    }
  }

  #endTask(message: FromWriter): void {
    this.#tasksRunning -= 1;
    this.#post(message);
    this.#work();
  }

  #post(message: FromWriter): void {
    this.#port.postMessage(message);
  }

  #close(): void {
    this.#channel.close();
    // Empties the write-ahead log into the file, readers or not: a stopped log is one file, and a whole one.
    if (this.#writer.fatal === undefined) this.#writer.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#writer.db.close();
    this.#post({ kind: "closed" });
    this.#port.close();
  }
}

/** How many requests from the front fit one batch; always at least one. */
function batchLength(queue: readonly TicketedRequest[]): number {
  let events = 0;
  for (const [index, request] of queue.entries()) {
    // A request without events (a held body, an index) still costs about one.
    events += Math.max(
      1,
      request.appends.reduce((sum, append) => sum + append.events.length, 0),
    );
    if (events > batchEventsMax) return Math.max(1, index);
  }
  return queue.length;
}

function toFaultData(error: unknown): FaultData {
  if (error instanceof EventStoreFault) return { kind: error.kind, message: error.message };
  return { kind: "unavailable", message: error instanceof Error ? error.message : String(error) };
}
