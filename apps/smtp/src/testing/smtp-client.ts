import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** A raw SMTP client: sends octets as told, reads whole replies. */
export class SmtpClient {
  private socket: Socket;
  private text = "";
  private isClosed = false;
  private wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    this.attach();
  }

  static async dial(
    port: number,
    options: { readonly tls?: boolean; readonly early?: string } = {},
  ): Promise<SmtpClient> {
    const where = { port, host: "127.0.0.1", noDelay: true };
    const socket = options.tls === true ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where);
    socket.on("error", () => {});
    const client = new SmtpClient(socket);
    await once(socket, options.tls === true ? "secureConnect" : "connect");
    if (options.early !== undefined) client.send(options.early);
    return client;
  }

  /** Connects, reads the greeting, says EHLO. */
  static async greeted(port: number, options: { readonly tls?: boolean } = {}): Promise<SmtpClient> {
    const client = await SmtpClient.dial(port, options);
    const greeting = await client.reply();
    if (!greeting.startsWith("220")) throw new Error(`no greeting but ${greeting}`);
    await client.ask("EHLO client.test");
    return client;
  }

  private attach(): void {
    this.socket.setEncoding("utf8");
    this.socket.on("data", (chunk: string) => {
      this.text += chunk;
      this.wake();
    });
    this.socket.on("close", () => {
      this.isClosed = true;
      this.wake();
    });
  }

  send(octets: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(octets);
  }

  /** One octet per write, each in its own segment as far as the system goes. */
  async sendSlowly(octets: string | Buffer): Promise<void> {
    for (const octet of Buffer.from(octets as string)) {
      this.send(Buffer.from([octet]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next whole reply (all its lines), "" when the connection closed instead. */
  async reply(): Promise<string> {
    const deadline = Date.now() + 5_000;
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.text);
      if (match !== null) {
        this.text = this.text.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.isClosed) return "";
      await this.more(deadline);
    }
  }

  ask(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** Sends MAIL, RCPT and DATA, then the content as given; answers every reply. */
  async deliver(recipients: readonly string[], content: string, sender = "x@ext.test"): Promise<string[]> {
    const replies = [await this.ask(`MAIL FROM:<${sender}>`)];
    for (const recipient of recipients) replies.push(await this.ask(`RCPT TO:<${recipient}>`));
    replies.push(await this.ask("DATA"));
    if (!replies.at(-1)?.startsWith("354")) return replies;
    this.send(content);
    replies.push(await this.reply());
    return replies;
  }

  /** Everything until the server closes. */
  async rest(): Promise<string> {
    const deadline = Date.now() + 5_000;
    while (!this.isClosed) await this.more(deadline);
    return this.text;
  }

  async startTls(): Promise<void> {
    this.socket.removeAllListeners("data");
    this.socket.removeAllListeners("close");
    this.socket = connectTls({ socket: this.socket, rejectUnauthorized: false });
    this.socket.on("error", () => {});
    this.attach();
    await once(this.socket, "secureConnect");
  }

  pause(): void {
    this.socket.pause();
  }

  close(): void {
    this.socket.destroy();
  }

  private async more(deadline: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no reply; so far ${JSON.stringify(this.text)}`)),
        deadline - Date.now(),
      );
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
