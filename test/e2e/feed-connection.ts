import assert from "node:assert/strict";
import { WebSocket } from "ws";
import type { Platform } from "./platform.ts";

/** What the server says on the live audit feed; only what tests look at. */
export interface FeedMessage {
  readonly type: string;
  readonly id?: string;
  readonly position?: string;
  readonly epoch?: string;
  readonly head?: string;
  readonly event?: { readonly id: string; readonly type: string; readonly tenantid?: string };
}

/** One connection to the live audit feed, as a client program holds it. Answers pings by itself. */
export interface FeedConnection {
  readonly socket: WebSocket;
  readonly messages: readonly FeedMessage[];
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  send(message: unknown): void;
  /** Called for every message from now on. */
  onMessage(listener: (message: FeedMessage) => void): void;
  of(type: string): readonly FeedMessage[];
  until<T>(look: () => T | undefined | false, withinMs?: number): Promise<T>;
  untilClosed(withinMs?: number): Promise<{ readonly code: number; readonly reason: string }>;
}

/** Opens the websocket and says nothing yet. */
export async function connectFeed(port: number, headers: Record<string, string> = {}): Promise<FeedConnection> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/audit`, "mailfold.audit.v1", { headers });
  const messages: FeedMessage[] = [];
  const listeners: ((message: FeedMessage) => void)[] = [];
  let closed: { code: number; reason: string } | undefined;
  const connection: FeedConnection = {
    socket,
    messages,
    get closed() {
      return closed;
    },
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    onMessage: (listener) => void listeners.push(listener),
    of: (type) => messages.filter((message) => message.type === type),
    async until(look, withinMs = 10_000) {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const found = look();
        if (found !== undefined && found !== false) return found;
        if (Date.now() > deadline) {
          const last = JSON.stringify(messages.at(-1))?.slice(0, 200);
          assert.fail(`feed: waited ${withinMs} ms in vain; closed ${JSON.stringify(closed)}, last ${last}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    untilClosed: (withinMs) => connection.until(() => closed, withinMs),
  };
  socket.on("message", (data) => {
    const message = JSON.parse(String(data)) as FeedMessage;
    messages.push(message);
    if (message.type === "ping" && socket.readyState === WebSocket.OPEN) connection.send({ type: "pong" });
    for (const listener of listeners) listener(message);
  });
  socket.on("close", (code, reason) => {
    closed = { code, reason: String(reason) };
  });
  socket.on("error", () => undefined);
  await connection.until(() => socket.readyState === WebSocket.OPEN || closed !== undefined);
  return connection;
}

/** Opens the feed and says hello; answers once welcome. */
export async function openFeed(
  port: number,
  token: string,
): Promise<FeedConnection & { readonly welcome: Required<Pick<FeedMessage, "epoch" | "head">> }> {
  const connection = await connectFeed(port);
  connection.send({ type: "hello", token });
  const welcome = await connection.until(() => connection.of("welcome")[0]);
  const { epoch = "", head = "" } = welcome;
  return Object.defineProperty(connection, "welcome", { value: { epoch, head } }) as never;
}

/** What a consumer of the feed keeps: every event's id as it came, and where to go on. */
export interface Follower {
  readonly eventIds: string[];
  position: string;
  connections: number;
}

/** A consumer that has seen everything up to a position. */
export function createFollower(position: string): Follower {
  return { eventIds: [], position, connections: 0 };
}

export interface FollowOptions {
  readonly port: number;
  readonly token: string;
  readonly window?: number;
  /** Events after which it drops the connection, rudely. */
  readonly events: number;
  /** It also leaves after this long. */
  readonly withinMs: number;
  readonly where?: Readonly<Record<string, unknown>>;
}

/** Connects, goes on from where the follower is, acknowledges what it takes, and drops the connection in the middle. */
export async function followOnce(follower: Follower, options: FollowOptions): Promise<void> {
  const feed = await openFeed(options.port, options.token);
  follower.connections += 1;
  const window = options.window ?? 1_000;
  let taken = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, options.withinMs);
    const leave = () => {
      clearTimeout(timer);
      resolve();
    };
    feed.socket.on("close", leave);
    feed.onMessage((message) => {
      if (message.position === undefined || taken >= options.events) return;
      if (message.type !== "event" && message.type !== "bookmark") return;
      follower.position = message.position;
      if (message.type === "bookmark") return;
      follower.eventIds.push(message.event?.id ?? "");
      taken += 1;
      // Rarely enough for the server's bound on messages a second, often enough for the window.
      if (taken % Math.max(1, Math.floor(window / 2)) === 0) feed.send({ type: "ack", position: message.position });
      if (taken >= options.events) leave();
    });
    const { position } = follower;
    feed.send({
      type: "subscribe",
      id: "f",
      from: { position },
      window,
      ...(options.where && { where: options.where }),
    });
  });
  feed.socket.terminate();
}

interface HistoryPage {
  readonly auditEvents: {
    readonly nodes: readonly { readonly id: string }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  };
}

/** Ids of every event after a position, from the history that the API keeps, in its order. */
export async function readHistory(
  platform: Platform,
  after: string,
  waitFor: string,
  token?: string,
): Promise<readonly string[]> {
  const ids: string[] = [];
  const query = `query($after: String, $waitFor: String) { auditEvents(after: $after, first: 100, waitFor: $waitFor) {
    nodes { id } pageInfo { hasNextPage endCursor } } }`;
  for (let cursor = after; ; ) {
    const { auditEvents } = await platform.graphql<HistoryPage>(query, { after: cursor, waitFor }, token);
    ids.push(...auditEvents.nodes.map((node) => node.id));
    if (!auditEvents.pageInfo.hasNextPage) return ids;
    cursor = auditEvents.pageInfo.endCursor;
  }
}
