import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** A client that sends exactly what a test says and shows exactly what came back. */
export class RawClient {
  #socket: Socket;
  #received = "";
  #ended = false;
  #tags = 0;
  #notify: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  static async open(port: number, options: { readonly tls?: boolean } = {}): Promise<RawClient> {
    const socket = options.tls
      ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
      : connect(port, "127.0.0.1");
    return new RawClient(socket);
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, "latin1"));
  }

  /** Everything up to and including the first match; fails after 3 s. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + 3_000;
    for (;;) {
      const match = pattern.exec(this.#received);
      if (match !== null) {
        const end = match.index + match[0].length;
        const text = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return text;
      }
      if (this.#ended || Date.now() > deadline) throw new Error(`no ${pattern} in ${JSON.stringify(this.#received)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#notify = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Sends a command under a fresh tag and answers everything up to its tagged reply, which is last. */
  async command(text: string): Promise<string> {
    this.#tags += 1;
    const tag = `t${this.#tags}`;
    this.send(`${tag} ${text}\r\n`);
    return this.until(new RegExp(`^${tag} .*\\r\\n`, "m"));
  }

  /** A command that must succeed, with these in what comes back. */
  async ok(command: string, ...expected: readonly (string | RegExp)[]): Promise<string> {
    const reply = await this.command(command);
    assert.match(reply, /^t\d+ OK/m, reply);
    for (const part of expected) {
      if (typeof part === "string") assert.ok(reply.includes(part), `${part} in ${reply}`);
      else assert.match(reply, part);
    }
    return reply;
  }

  /** A command whose tagged reply must begin so. */
  async fails(command: string, status: RegExp): Promise<void> {
    assert.match(await this.command(command), new RegExp(`^t\\d+ ${status.source}`, "m"));
  }

  async greetAndLogin(): Promise<this> {
    await this.until(/^\* OK .*\r\n/m);
    const reply = await this.command('LOGIN alice@demo.test "correct horse"');
    if (!/^t\d+ OK/m.test(reply)) throw new Error(reply);
    return this;
  }

  /** Goes on inside TLS. */
  async startTls(): Promise<void> {
    this.#socket.removeAllListeners("data");
    const secured = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      secured.once("secureConnect", resolve);
      secured.once("error", reject);
    });
    this.#socket = secured;
    this.#listen(secured);
  }

  /** Resolves when the server has closed; answers what was left to read. */
  async closed(): Promise<string> {
    const deadline = Date.now() + 3_000;
    while (!this.#ended && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    if (!this.#ended) throw new Error("the server keeps the connection open");
    return this.#received;
  }

  /** Stops reading: replies pile up at the server. */
  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#notify();
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#ended = true;
      this.#notify();
    });
  }
}
