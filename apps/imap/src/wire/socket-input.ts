import type { Socket } from "node:net";

/** Octets held for a session that is busy; beyond it the socket is paused and TCP makes the client wait. */
const heldBytesMax = 65_536;

/** Pulls octets from a socket: one reader, bounded memory, the end seen at once even while nobody reads. */
export class SocketInput {
  readonly #socket: Socket;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer): void => {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= heldBytesMax) this.#socket.pause();
    this.#wake?.();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.once("end", this.#onEnd);
    socket.once("close", this.#onEnd);
    socket.resume();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What has arrived, or waits: "end" when the peer closed, "woken" when `wake` was called, "late" at the deadline. */
  async read(timeoutMs: number): Promise<Buffer | "end" | "woken" | "late"> {
    if (this.#heldBytes > 0) return this.#take();
    if (this.#ended) return "end";
    const reason = await new Promise<"woken" | "late">((resolve) => {
      const timer = setTimeout(() => settle("late"), timeoutMs);
      const settle = (why: "woken" | "late"): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(why);
      };
      this.#wake = () => settle("woken");
    });
    if (this.#heldBytes > 0) return this.#take();
    return this.#ended ? "end" : reason;
  }

  /** Ends a waiting read early: something else wants the session's attention. */
  wake(): void {
    this.#wake?.();
  }

  /** Stops listening; octets that were not read are dropped. */
  detach(): void {
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onEnd);
    this.#held = [];
    this.#heldBytes = 0;
  }

  #take(): Buffer {
    const [first] = this.#held;
    const bytes = this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#socket.isPaused()) this.#socket.resume();
    return bytes;
  }
}
