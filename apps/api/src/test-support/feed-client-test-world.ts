import { WebSocket } from "ws";
import { feedSubprotocol } from "../feed/feed-protocol.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects
export type FeedMessage = any;

/** A feed client for tests: collects messages, waits for the one it wants. */
export class FeedClient {
  readonly socket: WebSocket;
  readonly messages: FeedMessage[] = [];
  closed: { code: number; reason: string } | undefined;
  answersPings = true;
  onMessage: ((message: FeedMessage) => void) | undefined;
  #waiting: (() => void)[] = [];

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}/audit`, feedSubprotocol, { headers });
    this.socket.on("open", () => this.#wake());
    this.socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      this.messages.push(message);
      this.onMessage?.(message);
      if (message.type === "ping" && this.answersPings) this.send({ type: "pong" });
      this.#wake();
    });
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#wake();
    });
    this.socket.on("error", () => this.#wake());
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until<T>(look: () => T | undefined | false, timeoutMs = 5_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `waited in vain; closed: ${JSON.stringify(this.closed)}, last: ${JSON.stringify(this.messages.at(-1))}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  async hello(token: string): Promise<FeedMessage> {
    await this.until(() => this.socket.readyState === WebSocket.OPEN);
    this.send({ type: "hello", token });
    return this.until(() => this.messages.find((message) => message.type === "welcome"));
  }

  of(type: string): FeedMessage[] {
    return this.messages.filter((message) => message.type === type);
  }

  untilClosed(timeoutMs = 5_000): Promise<{ code: number; reason: string }> {
    return this.until(() => this.closed, timeoutMs);
  }
}
