import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { EventCodec, LifeClass } from "@mailfold/events";
import { lifeClassOf, streams } from "@mailfold/events";
import type { Clock, NewEvent, Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import { checkAppends } from "../append-rules.ts";
import type { PagedLog } from "../catch-up.ts";
import { HeadWaiters, subscribeToLog } from "../catch-up.ts";
import type {
  Append,
  AppendResult,
  EventStore,
  EventStoreFault,
  ExpectedRevision,
  ReadAllOptions,
  ReadStreamOptions,
  SubscribeOptions,
} from "../port.ts";
import { LogReader } from "./log-reader.ts";
import { fromPosition, shelfOf, toPosition } from "./log-schema.ts";
import { readLogPaged, readStreamPaged } from "./paged-reads.ts";
import type { WriterLimits } from "./writer-client.ts";
import { WriterClient } from "./writer-client.ts";
import { logChannelName } from "./writer-loop.ts";
import type { OutgoingAppend } from "./writer-protocol.ts";
import { expectAny, expectNone } from "./writer-request.ts";

/** How to open the embedded log. */
export interface SqliteEventStoreOptions {
  /** The log file; made when missing, with its directory. */
  readonly path: string;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly limits?: WriterLimits;
  /** Called once when the log can take nothing more (I/O or fsync error, damage, the writer's end): stop the process. */
  readonly onFatal?: ((fault: EventStoreFault) => void) | undefined;
  /** Another worker module that runs the writer with an extension (the journal's). */
  readonly workerUrl?: URL;
  /** Handed to that module beside path and channel. */
  readonly workerSettings?: Readonly<Record<string, unknown>>;
}

/** What an extension of the writer adds to an append. */
export interface AppendExtras {
  readonly payload: string;
  readonly bytes: readonly Uint8Array[];
}

/**
 * Opens the embedded log: one writer thread, read-only connections here. A new log begins with `LogCreated`.
 * The caller holds the data directory's lock.
 * @throws EventStoreFault corrupt | unavailable, naming the file and what to do
 */
export async function openSqliteEventStore(options: SqliteEventStoreOptions): Promise<SqliteEventStore> {
  const path = resolve(options.path);
  const waiters = new HeadWaiters();
  const head = { value: startOfLog };
  const onHead = (pos: number): void => {
    const position = pos === 0 ? startOfLog : toPosition(pos);
    if (position <= head.value) return;
    head.value = position;
    waiters.advance(position);
  };
  const {
    client,
    head: first,
    epoch,
  } = await WriterClient.start({
    workerUrl: options.workerUrl ?? new URL("./writer-worker.ts", import.meta.url),
    settings: { ...options.workerSettings, path, channel: logChannelName(path) },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    hooks: { onHead, onFatal: options.onFatal },
  });
  onHead(first);
  try {
    const reader = new LogReader(path, options.codec);
    const store = new SqliteEventStore({ client, reader, codec: options.codec, waiters, head });
    if (epoch === "") await createEpoch(store, client, options.clock);
    return store;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** The log's first event says which history it is; a crash before it leaves a log without events, and it is made anew. */
async function createEpoch(store: SqliteEventStore, client: WriterClient, clock: Clock): Promise<void> {
  const earlier = store.firstEpoch();
  const epoch = earlier ?? randomUUID();
  if (earlier === undefined) {
    const created = logEvent("LogCreated", { epoch, at: clock.now() });
    await store.append({ stream: streams.platformLog, expected: "none", events: [created] });
  }
  await client.task("setEpoch", epoch);
}

/** An event of `platform-log`: LogCreated or LogRestored. */
export function logEvent(
  type: "LogCreated" | "LogRestored",
  data: { readonly epoch: string; readonly at: number },
): NewEvent {
  return {
    id: randomUUID(),
    type,
    data,
    metadata: { actor: { type: "system", id: "log" } },
    occurredAt: data.at,
  };
}

/** The embedded log. Made by `openSqliteEventStore`. */
export class SqliteEventStore implements EventStore {
  readonly appendsAtomically = true;
  /** The writer thread, for what shares its transactions (the journal). */
  readonly writer: WriterClient;
  readonly #reader: LogReader;
  readonly #codec: EventCodec;
  readonly #waiters: HeadWaiters;
  readonly #head: { readonly value: Position };
  readonly #log: PagedLog;
  #closed = false;

  constructor(parts: {
    readonly client: WriterClient;
    readonly reader: LogReader;
    readonly codec: EventCodec;
    readonly waiters: HeadWaiters;
    readonly head: { readonly value: Position };
  }) {
    this.writer = parts.client;
    this.#reader = parts.reader;
    this.#codec = parts.codec;
    this.#waiters = parts.waiters;
    this.#head = parts.head;
    const closed = (): boolean => this.#closed;
    this.#log = {
      readPage: (after, options) => this.#reader.pageForwards(after, options),
      waitBeyond: async (position, signal) => {
        if (this.#closed || this.#head.value > position) return;
        await this.#waiters.wait(position, signal);
      },
      get closed() {
        return closed();
      },
    };
  }

  append(appends: Append | readonly Append[]): Promise<AppendResult> {
    return this.appendWith(appends);
  }

  /** `append`, with what the writer's extension commits in the same transaction; `onResult` gets its answer. */
  async appendWith(
    appends: Append | readonly Append[],
    extras?: AppendExtras,
    onResult?: (result: string) => void,
  ): Promise<AppendResult> {
    const list: readonly Append[] = "stream" in appends ? [appends] : appends;
    if (list.length > 0 || extras === undefined) checkAppends(list);
    const answer = await this.writer.send({ appends: list.map((append) => this.#encode(append)), ...extras });
    if (answer.kind === "conflict") {
      const { stream, expected } = list[answer.index] as Append;
      return { ok: false, stream, expected, actual: answer.actual };
    }
    if (answer.result !== undefined) onResult?.(answer.result);
    const { revisions, replayed } = answer;
    return { ok: true, position: toPosition(answer.position), revisions, replayed };
  }

  readStream(stream: string, options?: ReadStreamOptions): ReturnType<typeof readStreamPaged> {
    return readStreamPaged(this.#reader, stream, options);
  }

  readAll(options?: ReadAllOptions): ReturnType<typeof readLogPaged> {
    return readLogPaged(this.#reader, options);
  }

  subscribe(options?: SubscribeOptions): ReturnType<typeof subscribeToLog> {
    return subscribeToLog(this.#log, options);
  }

  async head(): Promise<Position> {
    return this.#head.value;
  }

  async floor(lifeClass: LifeClass): Promise<Position> {
    return this.#reader.floor(lifeClass);
  }

  async epoch(): Promise<string> {
    return this.#reader.epoch();
  }

  distance(from: Position, to: Position): number {
    return Math.max(0, fromPosition(to) - fromPosition(from));
  }

  /** Drops whole days. Quarantine goes only when `cutOffs.quarantine` names its own instant (ms since the epoch). */
  async expire(
    lifeClass: LifeClass,
    olderThan: number,
    cutOffs: { readonly quarantine?: number } = {},
  ): Promise<number> {
    if (lifeClass !== "traffic") return 0;
    return (await this.writer.task("expire", { traffic: olderThan, quarantine: cutOffs.quarantine })) as number;
  }

  async deleteStreams(names: readonly string[]): Promise<void> {
    const withShelves = names.map((stream) => ({ stream, shelf: shelfOf(stream, lifeClassOf(stream)) }));
    await this.writer.task("deleteStreams", withShelves);
  }

  /** A consistent copy of the log file at a path, made while appends go on. fsynced. */
  async backupTo(path: string): Promise<void> {
    await this.writer.task("backup", path);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiters.wakeAll();
    this.#reader.close();
    await this.writer.close();
  }

  /** Epoch that the log's first event names, if it has one. */
  firstEpoch(): string | undefined {
    const page = this.#reader.streamPage(streams.platformLog, { from: 0, direction: "forwards", limit: 1 });
    return (page.events[0]?.data as { epoch?: string } | undefined)?.epoch;
  }

  #encode(append: Append): OutgoingAppend {
    const { stream, expected } = append;
    return {
      shelf: shelfOf(stream, lifeClassOf(stream)),
      stream,
      expected: toNumber(expected),
      events: append.events.map((event) => this.#codec.encode(stream, event)),
    };
  }
}

function toNumber(expected: ExpectedRevision): number {
  if (expected === "none") return expectNone;
  if (expected === "any") return expectAny;
  return expected;
}
