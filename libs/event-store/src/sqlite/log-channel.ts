import { BroadcastChannel } from "node:worker_threads";
import type { Position } from "@mailfold/kernel";
import { HeadWaiters } from "../catch-up.ts";
import { toPosition } from "./log-schema.ts";

/** How often a waiting reader looks by itself, should the writer's call be late or in another process. */
const pollDelayMs = 20;

/** Wakes readers of a log on another thread than the writer's: by the writer's call, else by looking every 20 ms. */
export class LogChannel {
  readonly #channel: BroadcastChannel;
  readonly #waiters = new HeadWaiters();
  readonly #readHead: () => Position;
  #poll: NodeJS.Timeout | undefined;
  closed = false;

  constructor(name: string, readHead: () => Position) {
    this.#readHead = readHead;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event): void => {
      const { data } = event as { data: unknown };
      if (typeof data === "number") this.#waiters.advance(toPosition(data));
    };
    this.#channel.unref();
  }

  async waitBeyond(position: Position, signal: AbortSignal): Promise<void> {
    const woken = this.#waiters.wait(position, signal);
    // A commit between the caller's page and this wait must not be slept through.
    this.#waiters.advance(this.#readHead());
    this.#poll ??= setInterval(() => this.#look(), pollDelayMs);
    await woken;
    if (this.#waiters.size === 0) this.#stopPolling();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#stopPolling();
    this.#channel.close();
    this.#waiters.wakeAll();
  }

  #look(): void {
    if (!this.closed) this.#waiters.advance(this.#readHead());
  }

  #stopPolling(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }
}
