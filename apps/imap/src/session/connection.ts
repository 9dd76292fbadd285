import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { MailboxId } from "@mailfold/kernel";
import type { ImapDeps, ImapLimits } from "../deps.ts";
import { BadSyntax, CommandParser } from "../wire/command-parser.ts";
import { CommandReader, type ReadLimits, type RefusalCause, type Segment } from "../wire/command-reader.ts";
import { ReplyWriter } from "../wire/reply-writer.ts";
import { SocketInput } from "../wire/socket-input.ts";
import type { Shared } from "./shared.ts";

/** What the next wait brought. */
export type Received =
  | { readonly type: "command"; readonly parser: CommandParser }
  | { readonly type: "refused"; readonly tag: string | undefined; readonly text: string }
  | { readonly type: "lost"; readonly text: string }
  | { readonly type: "gone" | "late" | "woken" };

const refusals: Readonly<Record<RefusalCause, string>> = {
  "line-too-long": "BAD [TOOBIG] Line too long",
  "literal-too-big": "NO [TOOBIG] Literal too big",
  "too-many-literals": "BAD [TOOBIG] Too many literals",
  "no-room": "NO [UNAVAILABLE] Server is busy, try again",
  "bare-lf": "BAD Lines end in CRLF",
};

/** A client's socket with the reader and writer on it; STARTTLS swaps the socket beneath them. */
export class Connection {
  readonly id: string;
  readonly ip: string;
  readonly out: ReplyWriter;
  secure: boolean;
  /** Set by a command that has sent its own tagged reply (STARTTLS). */
  moved = false;
  #socket: Socket;
  #input: SocketInput;
  readonly #reader = new CommandReader();
  /** Whose share of the literal budget the reader's octets are taken from. */
  #holder = "";
  readonly #shared: Shared;

  constructor(shared: Shared, socket: Socket, peer: { readonly ip: string; readonly secure: boolean }) {
    this.#shared = shared;
    this.#socket = socket;
    this.id = shared.deps.ids.uuidV7();
    this.ip = peer.ip;
    this.secure = peer.secure;
    this.out = new ReplyWriter(socket, shared.limits.writeTimeoutMs);
    this.#input = new SocketInput(socket);
  }

  get alive(): boolean {
    return !this.#socket.destroyed && !this.#input.ended;
  }

  /**
   * The next command, of the account logged in or of nobody yet. `idleMs` bounds the wait for its first octet; a begun
   * command may pause less, and before login has no more time than that altogether.
   */
  async receive(mailboxId: MailboxId | undefined, idleMs: number): Promise<Received> {
    const limits = this.#readLimits(mailboxId);
    const { commandReadTimeoutMs, autologoutMs } = this.#shared.limits;
    let deadline = performance.now() + idleMs;
    let begun = false;
    for (;;) {
      const event = this.#reader.next(limits);
      if (event.type === "command") return { type: "command", parser: new CommandParser(event.segments) };
      if (event.type === "refused") return { type: "refused", tag: tagOf(event.segments), text: refusals[event.cause] };
      if (event.type === "lost") return event;
      if (event.type === "continue") {
        this.out.line("+ Ready");
        await this.out.flush();
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return { type: "late" };
      const chunk = await this.#input.read(begun ? Math.min(leftMs, commandReadTimeoutMs) : leftMs);
      if (chunk === "end") return { type: "gone" };
      if (chunk === "late" || chunk === "woken") return { type: chunk };
      // An octet now and then keeps no command alive for ever.
      if (!begun && mailboxId !== undefined) deadline = performance.now() + autologoutMs;
      begun = true;
      this.#reader.push(chunk);
    }
  }

  /** One whole line outside the command grammar (IDLE's DONE, a SASL response). "woken" when `wake` was called first. */
  async receiveLine(lineBytesMax: number, timeoutMs: number): Promise<Buffer | "gone" | "late" | "woken" | "too-long"> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const line = this.#reader.nextLine(lineBytesMax);
      if (line === null) return "too-long";
      if (line !== undefined) return line;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return "late";
      const chunk = await this.#input.read(leftMs);
      if (chunk === "end") return "gone";
      if (chunk === "late" || chunk === "woken") return chunk;
      this.#reader.push(chunk);
    }
  }

  wake(): void {
    this.#input.wake();
  }

  /** Gives back the memory of the literals of the command that has ended. */
  releaseLiterals(): void {
    this.#shared.literals.give(this.#holder, this.#reader.reservedBytes);
    this.#reader.reservedBytes = 0;
    this.#holder = "";
  }

  /** Answers STARTTLS and goes on inside TLS; what was sent in the clear behind it is thrown away. */
  async startTls(tag: string, deps: ImapDeps, limits: ImapLimits): Promise<void> {
    this.#input.detach();
    this.#socket.pause();
    this.#reader.discard();
    const plain = this.#socket;
    // Octets received and not yet read are plaintext, too. After the OK they may be the ClientHello of a quick client;
    // plaintext that still arrives then fails the handshake and so never becomes a command (RFC 9051 11.1).
    while (plain.read() !== null);
    this.out.line(`${tag} OK Begin TLS negotiation now`);
    await this.out.flush();
    const secured = await secureSocket(plain, deps, limits.tlsHandshakeTimeoutMs);
    this.#socket = secured ?? plain;
    this.#input = new SocketInput(this.#socket);
    this.out.moveTo(this.#socket);
    this.secure = secured !== undefined;
    this.moved = true;
    if (secured === undefined) plain.destroy();
  }

  close(): void {
    this.releaseLiterals();
    this.#input.detach();
    // The last reply is sent, then both directions end; a peer that does not answer is cut off.
    this.#socket.end(() => this.#socket.destroy());
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #readLimits(mailboxId: MailboxId | undefined): ReadLimits {
    const { limits, literals, deps } = this.#shared;
    const loggedIn = mailboxId !== undefined;
    const literalBytesMax = loggedIn ? limits.literalBytesMax : limits.literalBytesBeforeLoginMax;
    this.#holder = mailboxId ?? this.ip;
    return {
      lineBytesMax: loggedIn ? limits.lineBytesMax : limits.lineBytesBeforeLoginMax,
      literalsMax: loggedIn ? limits.literalsMax : limits.literalsBeforeLoginMax,
      literalBytesMax: (segments) =>
        loggedIn && isAppendMessage(segments) ? deps.policy.current().listener().sizeLimitBytes : literalBytesMax,
      reserve: (bytes) => literals.take(this.#holder, bytes),
    };
  }
}

/** Completes a server-side handshake; undefined when the peer does not. Never throws. */
export function secureSocket(socket: Socket, deps: ImapDeps, timeoutMs: number): Promise<TLSSocket | undefined> {
  return new Promise((resolve) => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: deps.tls.current() });
    const settle = (result: TLSSocket | undefined): void => {
      clearTimeout(timer);
      if (result === undefined) secured.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle(undefined), timeoutMs);
    // Stays for the life of the socket: a reset must not become an uncaught exception.
    secured.on("error", () => settle(undefined));
    secured.once("secure", () => settle(secured));
    secured.once("close", () => settle(undefined));
  });
}

/** Whether the literal that follows these segments is APPEND's message rather than its mailbox name. */
function isAppendMessage(segments: readonly Segment[]): boolean {
  const head = segments[0]?.bytes.toString("latin1", 0, 512) ?? "";
  const match = /^[^ ]+ APPEND (.?)/i.exec(head);
  return match !== null && (match[1] !== "" || segments.length > 1);
}

function tagOf(segments: readonly Segment[]): string | undefined {
  try {
    return new CommandParser(segments).tag();
  } catch (error) {
    if (error instanceof BadSyntax) return undefined;
    throw error;
  }
}
