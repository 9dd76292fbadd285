// The only file that imports the client package, so that another client may replace it.
import type { Duplex, Readable } from "node:stream";
import {
  type AllStreamSubscription,
  ANY,
  type AppendExpectedRevision,
  END,
  EventStoreDBClient,
  eventTypeFilter,
  type JSONType,
  jsonEvent,
  NO_STREAM,
  type ReadAllOptions,
  type ReadStreamOptions,
  type ResolvedEvent,
  START,
  type SubscribeToAllOptions,
  streamNameFilter,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import type { Position } from "@mailfold/kernel";
import type { ExpectedRevision } from "../port.ts";
import type { KurrentTarget } from "./connection-string.ts";
import { ItemStream, type Pulled } from "./item-stream.ts";
import { failureOf, isMissing, KurrentFailure, withDeadline } from "./kurrent-fault.ts";
import { parsePosition, placeOf, positionOf, type RawEvent, type RawNewEvent, rawOf } from "./raw-event.ts";

export interface RawAppend {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly RawNewEvent[];
}
export type RawAnswer =
  | { readonly ok: true; readonly revision: number; readonly position: Position | undefined }
  | { readonly ok: false; readonly actual: number };

interface PageRequest {
  readonly direction: "forwards" | "backwards";
  readonly count: number;
}
/** Which events the server sends a subscription: by stream name or by event type. */
export type ServerFilter = { readonly by: "stream" | "type" } & (
  | { readonly prefixes: readonly string[] }
  | { readonly regex: string }
);
/** What a subscription's stream carries, in order. */
export type RawMessage =
  | { readonly event: RawEvent }
  | { readonly checkpoint: Position }
  | { readonly caughtUp: true }
  | { readonly fellBehind: true };
export interface RawSubscription {
  /** The next message; `idle` after `waitMs` without one; `end` when the server ended it. */
  next(waitMs: number, signal?: AbortSignal): Promise<Pulled<RawMessage>>;
  /** Messages received and not yet taken, up to the buffer's size. */
  readonly backlog: number;
  cancel(): void;
}

/** Metadata that the server acts upon. */
interface StreamLimits {
  readonly maxCount?: number;
  readonly truncateBefore?: number;
}

/** The calls this adapter makes, each with a deadline. Failures are KurrentFailure. */
export interface KurrentClient {
  append(append: RawAppend, timeoutMs: number): Promise<RawAnswer>;
  /** From a revision on, inclusive; undefined = first or last. A missing or deleted stream has no events. */
  streamPage(stream: string, from: number | undefined, page: PageRequest): Promise<readonly RawEvent[]>;
  /** Forwards from a position, inclusive; backwards before it. Everything is seen, the server's own events too. */
  allPage(from: Position | undefined, page: PageRequest): Promise<readonly RawEvent[]>;
  /** From after a position. */
  subscribe(after: Position, filter: ServerFilter, bufferMax: number): RawSubscription;
  limitStream(stream: string, limits: StreamLimits): Promise<void>;
  /**
   * Empties a stream and leaves its name usable, if its last revision is this one; else fails with `moved`. Revisions
   * go on where they were.
   */
  deleteStream(stream: string, expected: number | "any"): Promise<void>;
  close(): Promise<void>;
}

/** Considered events between two checkpoints of a filtered subscription = this times the server's window of 32. */
const checkpointInterval = 32;

/** Opens no connection yet: the first call does. `readTimeoutMs` bounds the wait for each next event of a page. */
export function createKurrentClient(target: KurrentTarget, readTimeoutMs: number): KurrentClient {
  const client = connect(target);
  // Credentials on the call force the client's classic Append: its batch path has no deadline and shares its failures.
  const credentials = target.credentials ?? { username: "anonymous", password: "" };
  const leader = { credentials, requiresLeader: true };
  const callOptions = target.credentials ? { credentials: target.credentials } : {};

  const append = async ({ stream, expected, events }: RawAppend, timeoutMs: number): Promise<RawAnswer> => {
    const proposed = events.map((event) =>
      jsonEvent({ id: event.id, type: event.type, data: event.data as JSONType, metadata: { ...event.metadata } }),
    );
    const expectedRevision: AppendExpectedRevision =
      expected === "any" ? ANY : expected === "none" ? NO_STREAM : BigInt(expected);
    try {
      const call = client.appendToStream(stream, proposed, { ...leader, expectedRevision, deadline: timeoutMs });
      const done = await withDeadline(call, timeoutMs + 250);
      const position = done.position && positionOf(done.position);
      return { ok: true, revision: Number(done.nextExpectedRevision), position };
    } catch (error) {
      if (error instanceof WrongExpectedVersionError)
        return { ok: false, actual: typeof error.actualVersion === "bigint" ? Number(error.actualVersion) : -1 };
      throw failureOf(error);
    }
  };

  return {
    append,
    streamPage: (stream, from, { direction, count }) => {
      const place = direction === "forwards" ? START : END;
      const fromRevision = from === undefined ? place : BigInt(from);
      const options: ReadStreamOptions = { ...callOptions, maxCount: count, direction, fromRevision };
      return collect(client.readStream(stream, options) as unknown as EventSource, readTimeoutMs);
    },
    allPage: (from, { direction, count }) => {
      const place = direction === "forwards" ? START : END;
      const fromPosition = from === undefined ? place : placeOf(from);
      const options: ReadAllOptions = { ...callOptions, maxCount: count, direction, fromPosition };
      return collect(client.readAll(options) as unknown as EventSource, readTimeoutMs);
    },
    subscribe: (after, filter, bufferMax) => subscribe(client, callOptions, { after, filter, bufferMax }),
    limitStream: async (stream, { maxCount, truncateBefore }) => {
      const limits = {
        ...(maxCount === undefined ? {} : { $maxCount: maxCount }),
        ...(truncateBefore === undefined ? {} : { $tb: truncateBefore }),
      };
      const event = { id: crypto.randomUUID(), type: "$metadata", data: limits, metadata: {} };
      await append({ stream: `$$${stream}`, expected: "any", events: [event] }, readTimeoutMs);
    },
    deleteStream: async (stream, expected) => {
      const expectedRevision = expected === "any" ? ANY : BigInt(expected);
      try {
        await withDeadline(client.deleteStream(stream, { ...leader, expectedRevision }), readTimeoutMs);
      } catch (error) {
        if (error instanceof WrongExpectedVersionError)
          throw new KurrentFailure("moved", "the stream has moved on", { cause: error });
        throw failureOf(error);
      }
    },
    close: () => closeClient(client),
  };
}

type AnyClient = EventStoreDBClient;

function connect(target: KurrentTarget): AnyClient {
  const settings = {
    ...(target.keepAliveIntervalMs === undefined ? {} : { keepAliveInterval: target.keepAliveIntervalMs }),
    ...(target.keepAliveTimeoutMs === undefined ? {} : { keepAliveTimeout: target.keepAliveTimeoutMs }),
    ...(target.connectionName === undefined ? {} : { connectionName: target.connectionName }),
    throwOnAppendFailure: true,
  };
  const discovery = {
    nodePreference: target.nodePreference ?? "leader",
    ...(target.maxDiscoverAttempts === undefined ? {} : { maxDiscoverAttempts: target.maxDiscoverAttempts }),
    ...(target.discoveryIntervalMs === undefined ? {} : { discoveryInterval: target.discoveryIntervalMs }),
    ...(target.gossipTimeoutSeconds === undefined ? {} : { gossipTimeout: target.gossipTimeoutSeconds }),
  } as const;
  const channel = {
    insecure: !target.tls,
    ...(target.rootCertificate === undefined ? {} : { rootCertificate: target.rootCertificate }),
    ...(target.userCertificate === undefined
      ? {}
      : { userCertFile: target.userCertificate.certificate, userKeyFile: target.userCertificate.key }),
  };
  const [first] = target.hosts;
  if (!first) throw new Error("invariant broken: a target without a host");
  if (target.discover)
    return new EventStoreDBClient({ discover: first, ...discovery, ...settings }, channel, target.credentials);
  if (target.hosts.length > 1)
    return new EventStoreDBClient(
      { endpoints: [...target.hosts], ...discovery, ...settings },
      channel,
      target.credentials,
    );
  return new EventStoreDBClient({ endpoint: first, ...settings }, channel, target.credentials);
}

interface SubscribeRequest {
  readonly after: Position;
  readonly filter: ServerFilter;
  readonly bufferMax: number;
}

function subscribe(
  client: AnyClient,
  callOptions: object,
  { after, filter, bufferMax }: SubscribeRequest,
): RawSubscription {
  const makeFilter = filter.by === "stream" ? streamNameFilter : eventTypeFilter;
  const checkpoints = {
    checkpointInterval,
    // Pushed into the stream itself, so that a checkpoint keeps its place between events that wait to be read.
    checkpointReached: async (own: AllStreamSubscription, position: { commit: bigint; prepare: bigint }) =>
      void (own as unknown as Duplex).push({ checkpoint: positionOf(position) }),
  };
  const options: SubscribeToAllOptions = {
    ...callOptions,
    fromPosition: parsePosition(after) ?? START,
    filter:
      "regex" in filter
        ? makeFilter({ ...checkpoints, regex: filter.regex })
        : makeFilter({ ...checkpoints, prefixes: [...filter.prefixes] }),
  };
  const subscription = client.subscribeToAll(options, { highWaterMark: bufferMax });
  const source = subscription as unknown as Duplex;
  const messages = new ItemStream<ResolvedEvent | RawMessage>(source);
  subscription.on("caughtUp", () => void source.push({ caughtUp: true }));
  // Older typings do not know this event; servers send it since 23.10.
  source.on("fellBehind", () => void source.push({ fellBehind: true }));
  return {
    next: async (waitMs, signal) => {
      try {
        const pulled = await messages.next(waitMs, signal);
        if (typeof pulled === "string" || !("event" in pulled.item)) return pulled as Pulled<RawMessage>;
        return { item: { event: rawOf(pulled.item as ResolvedEvent) } };
      } catch (error) {
        throw failureOf(error);
      }
    },
    get backlog() {
      return source.readableLength;
    },
    cancel: () => void subscription.unsubscribe().catch(() => undefined),
  };
}

type EventSource = Readable & { cancel(): Promise<void> };

async function collect(source: EventSource, waitMs: number): Promise<readonly RawEvent[]> {
  const items = new ItemStream<ResolvedEvent>(source);
  const events: RawEvent[] = [];
  try {
    for (;;) {
      const pulled = await items.next(waitMs);
      if (pulled === "end") return events;
      if (pulled === "idle") throw new KurrentFailure("unknown", `no answer within ${waitMs} ms`);
      if (pulled.item.event) events.push(rawOf(pulled.item));
    }
  } catch (error) {
    source.cancel().catch(() => undefined);
    if (isMissing(error)) return [];
    throw failureOf(error);
  }
}

async function closeClient(client: AnyClient): Promise<void> {
  await withDeadline(client.dispose(), 2_000).catch(() => undefined);
  // dispose() ends the calls and leaves the connection open.
  const channel = (client as unknown as { getChannel?: () => Promise<{ close(): void }> }).getChannel?.();
  await withDeadline(Promise.resolve(channel), 2_000)
    .then((open) => open?.close())
    .catch(() => undefined);
}
