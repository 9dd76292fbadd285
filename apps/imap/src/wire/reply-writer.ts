import type { Socket } from "node:net";

/** The peer took nothing for the whole write deadline, or went away. */
export class PeerGone extends Error {
  constructor() {
    super("the client does not read its replies");
    this.name = "PeerGone";
  }
}

/** Octets gathered before they are handed to the socket. */
const gatherBytesMax = 32_768;

/** Sends replies: small ones together, large ones piece by piece at the speed of the reader, so memory stays bounded. */
export class ReplyWriter {
  #socket: Socket;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  readonly #writeTimeoutMs: number;

  constructor(socket: Socket, writeTimeoutMs: number) {
    this.#socket = socket;
    this.#writeTimeoutMs = writeTimeoutMs;
  }

  /** Text of one character per octet. */
  text(octets: string): void {
    this.bytes(Buffer.from(octets, "latin1"));
  }

  line(octets: string): void {
    this.text(`${octets}\r\n`);
  }

  bytes(bytes: Buffer): void {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
  }

  /** Sends what is gathered once it is much; call it between the pieces of a long reply. Throws PeerGone. */
  async relieve(): Promise<void> {
    if (this.#gatheredBytes >= gatherBytesMax) await this.flush();
  }

  /** Sends everything gathered; resolves when the socket's buffer has room again. Throws PeerGone. */
  async flush(): Promise<void> {
    if (this.#gatheredBytes === 0) return;
    const [first] = this.#gathered;
    const bytes = this.#gathered.length === 1 && first !== undefined ? first : Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#socket.destroyed || !this.#socket.writable) throw new PeerGone();
    if (!this.#socket.write(bytes)) await this.#drained();
  }

  /** STARTTLS: further replies go through TLS. */
  moveTo(socket: Socket): void {
    this.#socket = socket;
  }

  #drained(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => {
        clearTimeout(timer);
        socket.off("drain", onDrain);
        socket.off("close", onClose);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onDrain = (): void => done();
      const onClose = (): void => done(new PeerGone());
      const timer = setTimeout(() => {
        socket.destroy();
        done(new PeerGone());
      }, this.#writeTimeoutMs);
      socket.once("drain", onDrain);
      socket.once("close", onClose);
    });
  }
}
