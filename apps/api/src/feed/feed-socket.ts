import type { WebSocket } from "@fastify/websocket";
import type { Position } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import type { ApiShared } from "../graphql/api-context.ts";
import { toCloudEvent } from "./cloud-event.ts";
import { type ClientMessage, feedClose, parseClientMessage } from "./feed-protocol.ts";
import { findFeedStart } from "./feed-start.ts";
import { createFeedSubscription, type FeedSink, type FeedSubscription } from "./feed-subscription.ts";
import { showEvent } from "./show-event.ts";

const drainPollMs = 20;
/** Client messages a second that are still taken for a client. */
const messagesPerSecondMax = 200;
const reasonBytesMax = 120;

/** One connection of the live audit feed (contract.md 5). */
export interface FeedSocket {
  readonly caller: Caller | undefined;
  /** Tells the client to come back, then closes. */
  goAway(): Promise<void>;
}

export interface FeedSocketOptions {
  readonly socket: WebSocket;
  readonly api: ApiShared;
  readonly context: Caller["context"];
  /** Whether one more socket of this caller is allowed. */
  admit(caller: Caller): boolean;
  /** A failed hello of this address. */
  /** `isWrongToken`: a token was tried, not a ticket. */
  onRejected(isWrongToken: boolean): void;
}

/** Speaks the feed's protocol on an open websocket. */
export function createFeedSocket(options: FeedSocketOptions): FeedSocket {
  return new FeedSession(options);
}

class FeedSession implements FeedSocket {
  caller: Caller | undefined;
  readonly #options: FeedSocketOptions;
  readonly #socket: WebSocket;
  readonly #api: ApiShared;
  readonly #subscriptions = new Map<string, FeedSubscription>();
  #epoch = "";
  #timers: NodeJS.Timeout[] = [];
  #heardAt: number;
  #budget = messagesPerSecondMax;
  /** Client messages are handled one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;

  constructor(options: FeedSocketOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#api = options.api;
    this.#heardAt = this.#now();
    const hello = setTimeout(() => this.#close(feedClose.tooSlow, "no hello in time"), this.#api.limits.feedHelloMs);
    this.#timers.push(hello);
    this.#socket.on("message", (data, isBinary) => this.#onFrame(isBinary ? undefined : String(data)));
    this.#socket.on("close", () => this.#end());
    this.#socket.on("error", () => this.#socket.terminate());
  }

  async goAway(): Promise<void> {
    const positions = [...this.#subscriptions.values()].map((subscription) => subscription.cursor());
    const position = positions.sort()[0] ?? (await this.#store.head());
    this.#send({ type: "goaway", position: this.#cursor(position) });
    this.#close(feedClose.goingAway, "shutting down");
  }

  get #store() {
    return this.#api.deps.journal.events;
  }

  #now(): number {
    return this.#api.deps.clock.now();
  }

  #cursor(position: Position): string {
    return `${this.#epoch}.${position}`;
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #close(code: number, reason: string): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.close(code, reason.slice(0, reasonBytesMax));
    this.#end();
  }

  #end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    for (const subscription of this.#subscriptions.values()) subscription.stop();
    this.#subscriptions.clear();
  }

  #onFrame(frame: string | undefined): void {
    this.#heardAt = this.#now();
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#budget -= 1;
    if (this.#budget < 0 || this.#queued > messagesPerSecondMax) {
      this.#close(feedClose.tooMany, "too many messages");
      return;
    }
    const message = frame === undefined ? { wrong: "binary frame" } : parseClientMessage(frame);
    if ("wrong" in message) {
      this.#close(feedClose.badMessage, message.wrong);
      return;
    }
    this.#queued += 1;
    this.#queue = this.#queue
      .then(() => this.#handle(message))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#queued -= 1;
      });
  }

  #fail(error: unknown): void {
    this.#api.deps.log.error({ err: error }, "audit feed: unexpected error");
    this.#close(1011, "internal error");
  }

  async #handle(message: ClientMessage): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (message.type === "hello") return this.#onHello(message);
    if (this.caller === undefined) return this.#close(feedClose.notAuthenticated, "hello comes first");
    switch (message.type) {
      case "subscribe":
        return this.#onSubscribe(message);
      case "unsubscribe":
        this.#subscriptions.get(message.id)?.stop();
        this.#subscriptions.delete(message.id);
        return;
      case "ack":
        return this.#onAck(message);
      case "ping":
        return this.#send({ type: "pong", at: this.#now(), head: this.#cursor(await this.#store.head()) });
      case "pong":
        return;
    }
  }

  async #onHello(message: Extract<ClientMessage, { type: "hello" }>): Promise<void> {
    if (this.caller !== undefined) return this.#close(feedClose.badMessage, "hello was said before");
    const { authentication, tickets, cursors, limits } = this.#api;
    const caller =
      message.ticket === undefined
        ? authentication.authenticate(message.token ?? "", this.#options.context)
        : tickets.redeem(message.ticket);
    if (caller === undefined || !authentication.stillHolds(caller)) {
      this.#options.onRejected(message.ticket === undefined && message.token !== undefined);
      return this.#close(feedClose.notAuthenticated, "not authenticated");
    }
    if (!this.#options.admit(caller)) return this.#close(feedClose.tooMany, "too many feeds of one token");
    this.#epoch = await cursors.epoch();
    const [head, floor] = [await this.#store.head(), await this.#store.floor("traffic")];
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.caller = caller;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [
      setInterval(() => this.#heartbeat(), limits.feedHeartbeatMs),
      setInterval(() => this.#recheck(), limits.feedRecheckMs),
      setInterval(() => {
        this.#budget = messagesPerSecondMax;
      }, 1_000),
    ];
    this.#send({
      type: "welcome",
      heartbeatMs: limits.feedHeartbeatMs,
      head: this.#cursor(head),
      floor: this.#cursor(floor),
      epoch: this.#epoch,
      maxWindow: limits.feedWindowMax,
    });
  }

  #heartbeat(): void {
    const { feedHeartbeatMs } = this.#api.limits;
    if (this.#now() - this.#heardAt > 2 * feedHeartbeatMs) {
      this.#close(feedClose.tooSlow, "no pong");
      this.#socket.terminate();
      return;
    }
    this.#store.head().then(
      (head) => this.#send({ type: "ping", at: this.#now(), head: this.#cursor(head) }),
      (error: unknown) => this.#fail(error),
    );
  }

  #recheck(): void {
    this.#currentCaller();
  }

  /** The caller while the token holds; closes the socket when it no longer does. */
  #currentCaller(): Caller | undefined {
    if (this.caller !== undefined && this.#api.authentication.stillHolds(this.caller)) return this.caller;
    this.#close(feedClose.notAuthenticated, "the token no longer holds");
    return undefined;
  }

  async #onSubscribe(message: Extract<ClientMessage, { type: "subscribe" }>): Promise<void> {
    const { limits, cursors, deps } = this.#api;
    const { id, where } = message;
    if (this.#subscriptions.has(id)) return this.#close(feedClose.badMessage, `subscription ${id} is open`);
    if (this.#subscriptions.size >= limits.feedSubscriptionsPerSocket) {
      return this.#close(feedClose.tooMany, "too many subscriptions on one socket");
    }
    const start = await findFeedStart(this.#store, cursors, message.from, where);
    if (!start.ok) {
      if (start.cause === "malformed") return this.#close(feedClose.badMessage, "from.position is not a position");
      return this.#close(feedClose.positionGone, "the position is below the floor, or of another log");
    }
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const subscription = createFeedSubscription({
      store: this.#store,
      caller: () => this.#currentCaller(),
      where,
      after: start.after,
      notBefore: start.notBefore,
      window: Math.min(message.window ?? limits.feedWindowMax, limits.feedWindowMax),
      now: () => this.#now(),
      sink: this.#sink(id),
    });
    this.#subscriptions.set(id, subscription);
    deps.metrics.feedSubscribers.inc();
    subscription
      .run()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        deps.metrics.feedSubscribers.dec();
        if (this.#subscriptions.get(id) === subscription) this.#subscriptions.delete(id);
      });
  }

  #sink(id: string): FeedSink {
    const { deps } = this.#api;
    return {
      ready: () => this.#drained(),
      event: (position, event, caller) => {
        const version = deps.versionOf?.(event.type) ?? 1;
        const envelope = toCloudEvent(showEvent(deps, caller, event), version);
        this.#send({ type: "event", id, position: this.#cursor(position), event: envelope });
      },
      bookmark: (position) => this.#send({ type: "bookmark", id, position: this.#cursor(position) }),
      caughtUp: (position) => this.#send({ type: "caughtUp", id, position: this.#cursor(position) }),
      fellBehind: (position) => this.#send({ type: "fellBehind", id, position: this.#cursor(position) }),
      stalled: () => deps.metrics.feedCreditStalls.inc(),
    };
  }

  /** Waits while the peer does not read; a peer that does not read for long is closed. */
  async #drained(): Promise<boolean> {
    const { feedBufferedBytes, feedDrainMs } = this.#api.limits;
    const deadline = performance.now() + feedDrainMs;
    while (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount > feedBufferedBytes) {
      if (performance.now() > deadline) {
        this.#close(feedClose.tooSlow, "too slow");
        this.#socket.terminate();
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, drainPollMs));
    }
    return this.#socket.readyState === this.#socket.OPEN;
  }

  async #onAck(message: Extract<ClientMessage, { type: "ack" }>): Promise<void> {
    const cursor = await this.#api.cursors.parse(message.position);
    if (!cursor.ok) return this.#close(feedClose.badMessage, "ack.position is not a position of this log");
    for (const [id, subscription] of this.#subscriptions) {
      if (message.id === undefined || message.id === id) subscription.acknowledge(cursor.position);
    }
  }
}
