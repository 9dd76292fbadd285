import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import type { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { ConnectionDeadlines } from "./connection-deadlines.ts";
import type { EdgeServer } from "./edge-server.ts";
import type { MessageReader } from "./message-reader.ts";
import { replies } from "./replies.ts";
import type { SmtpSession } from "./session.ts";
import { verbs } from "./verbs/registry.ts";
import type { CountingSink, TlsState, Wire } from "./wire.ts";
import { type LineFault, type WireEvents, WireParser } from "./wire-parser.ts";

// This file and edge-server.ts alone know smtp-server's inside (pinned to 3.21.6). It keeps the greeting delay, the life of
// the connection, STARTTLS and SASL; parsing, dispatch, replies and deadlines are ours.

type MessageEnd = (reader: MessageReader, done: () => void) => Promise<void>;

/** One connection: smtp-server's, with our parser, verbs and deadlines. */
export class EdgeConnection extends SMTPConnection implements Wire, WireEvents {
  declare readonly server: EdgeServer;
  declare smtp: SmtpSession;
  // Set while smtp-server's constructor runs, hence declared only.
  declare wireParser: WireParser;
  private messageEnd: MessageEnd | undefined;
  private readonly deadlines: ConnectionDeadlines;
  private messageSink: CountingSink | undefined;
  private isBusy = false;
  private isBatching = false;
  /** Replies of the batch of input that is being handled; they leave in one write. */
  private batchedReplies = "";

  constructor(
    server: EdgeServer,
    socket: Socket,
    peer: { readonly ip: string; readonly port: number },
    makeSession: (wire: Wire, id: string) => SmtpSession,
  ) {
    super(server, socket, { remoteAddress: peer.ip, remotePort: peer.port });
    this.server = server;
    this.deadlines = new ConnectionDeadlines(server.edge.limits);
    this.smtp = makeSession(this, this.id);
    server.sessions.set(this.session, this.smtp);
    server.connections.add(this);
    this.on("error", () => {});
    this.init();
  }

  get hasMore(): boolean {
    return this.wireParser.hasMore;
  }

  get tls(): TlsState | undefined {
    if (!this.secure) return undefined;
    const socket = this._socket as TLSSocket;
    const cipher = socket.getCipher();
    return { protocol: socket.getProtocol() ?? "TLS", cipher: cipher.standardName };
  }

  reply(text: string): void {
    const socket = this._socket;
    // While a handshake runs the raw socket must carry nothing of ours.
    if (this._upgrading || socket.destroyed || !socket.writable) return;
    if (this.isBatching) this.batchedReplies += `${text}\r\n`;
    else socket.write(`${text}\r\n`);
  }

  // Whatever smtp-server writes itself, and its closing, comes after the replies given before.
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    this.flushReplies();
    super.send(code, data, context);
  }

  override close(): void {
    this.flushReplies();
    super.close();
  }

  startMessage(sink: CountingSink, ended: MessageEnd): void {
    this.messageEnd = ended;
    this.deadlines.messageStarts();
    this.messageSink = sink;
    this.wireParser.startMessage(sink);
  }

  startTls(done: () => void): void {
    this.deadlines.upgradeStarts();
    this._server.secureContext.set("*", this.server.edge.tlsContext.current());
    this.reply("220 2.0.0 Ready to start TLS");
    this.flushReplies();
    this.upgrade(done);
  }

  authenticate(line: string, done: () => void): void {
    this.handler_AUTH(Buffer.from(line, "latin1"), done);
  }

  // WireEvents

  line(text: string, fault: LineFault | undefined, next: () => void): void {
    this.isBusy = true;
    const done = (): void => {
      this.isBusy = false;
      this.deadlines.waitsForCommand();
      this._whenWritable(next);
    };
    try {
      const pending = this.handleLine(text, fault, done);
      if (pending instanceof Promise) pending.catch((error) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  lineLimitOctets(start: string): number {
    // RFC 4954 4: an AUTH exchange's lines.
    if (this._nextHandler !== false) return 12_288;
    const verb = start.toUpperCase();
    if (verb === "AUTH ") return 12_288;
    const { maxCommandLength } = this.smtp.settings;
    // SIZE 26 (RFC 1870 3), BODY 17 (RFC 6152 3), SMTPUTF8 10 (RFC 6531 3.4), AUTH 500 (RFC 4954 3).
    if (verb === "MAIL ") return maxCommandLength + 53 + (this.smtp.peer.listener === "submission" ? 500 : 0);
    return verb === "VRFY " || verb === "EXPN " ? maxCommandLength + 10 : maxCommandLength;
  }

  messageEnded(reader: MessageReader, next: () => void): void {
    const { messageEnd } = this;
    this.messageEnd = undefined;
    this.messageSink = undefined;
    if (messageEnd === undefined) return;
    this.isBusy = true;
    const done = (): void => {
      this.isBusy = false;
      this.deadlines.waitsForCommand();
      if (this.server.edge.isClosing()) this.smtp.closeWith(replies.shuttingDown);
      this._whenWritable(next);
    };
    messageEnd(reader, done).catch((error) => this.fail(error));
  }

  batchStarts(): void {
    if (!this._upgrading) this.isBatching = true;
  }

  batchEnds(): void {
    this.flushReplies();
    this.isBatching = false;
  }

  private flushReplies(): void {
    if (this.batchedReplies === "") return;
    const replies = this.batchedReplies;
    this.batchedReplies = "";
    if (!this._socket.destroyed && this._socket.writable) this._socket.write(replies);
  }

  private handleLine(text: string, fault: LineFault | undefined, done: () => void): void | Promise<void> {
    const { smtp } = this;
    if (this._upgrading) return done();
    if (this.server.edge.isClosing()) return smtp.closeWith(replies.shuttingDown);
    // RFC 5321 3.1: the client waits for the greeting.
    if (!this._ready) return smtp.closeWith(replies.tooEarly);
    if (fault === "too-long" || fault === "endless") return smtp.overlong(fault === "endless", done);
    if (fault === "bare-lf") return smtp.error(replies.bareLineFeed, done);
    if (fault === "control") return smtp.error(replies.control, done);
    if (fault === "not-utf8") return smtp.error(replies.notUtf8, done);
    if (this._nextHandler !== false) {
      const handler = this._nextHandler;
      this._nextHandler = false;
      return handler.call(this, Buffer.from(text, "utf8"), done);
    }
    const blank = text.indexOf(" ");
    const name = (blank < 0 ? text : text.slice(0, blank)).toUpperCase();
    const verb = verbs.get(name);
    if (verb === undefined) {
      if (/ HTTP\/\d(?:\.\d)?$/i.test(text)) return smtp.closeWith(replies.http);
      return smtp.error(replies.unknownCommand, done);
    }
    return verb(smtp, blank < 0 ? "" : text.slice(blank + 1).trimEnd(), done);
  }

  private fail(error: unknown): void {
    this.server.edge.onFault(error);
    this.smtp.closeWith(replies.internal);
  }

  /** Looks at every deadline; called once per sweep. */
  sweep(now: number): void {
    if (this._closing || this._closed) return;
    const outcome = this.deadlines.check(now, {
      isUpgrading: this._upgrading,
      isBusy: this.isBusy,
      isInMessage: this.wireParser.isInMessage,
      messageBytes: this.messageSink?.sizeBytes ?? 0,
      unsentBytes: this._socket.writableLength,
    });
    if (outcome === "destroy") this._socket.destroy();
    else if (outcome !== undefined) this.smtp.closeWith(outcome);
  }

  /** Whether a command is being answered or a message read. */
  get isRunning(): boolean {
    return !this._closing && !this._closed && (this.isBusy || this.wireParser.isInMessage);
  }

  /** Ends an idle connection for a shutdown; a running transaction ends first. */
  shutDown(): void {
    if (!this.isRunning) this.smtp.closeWith(replies.shuttingDown);
  }

  /** Cuts the connection, replies written so far go out first. */
  cut(): void {
    this.flushReplies();
    if (this._upgrading) this._socket.destroy();
    else this._socket.destroySoon();
  }

  destroy(): void {
    this._socket.destroy();
  }

  // smtp-server's inside

  override _createParser(): SMTPStream {
    this.wireParser = new WireParser(this);
    this.wireParser.on("error", (error) => this.fail(error));
    return this.wireParser as unknown as SMTPStream;
  }

  override _sendGreeting(): void {
    this.deadlines.waitsForCommand();
    const banner = this.server.edge.banner();
    // RFC 5321 4.2: the greeting starts with the host's name.
    this.reply(`220 ${this.server.edge.hostname} ESMTP${banner === undefined ? "" : ` ${banner}`}`);
  }

  override _getEnhancedStatusCode(code: number, context?: string | false): string {
    // smtp-server's own table blames the connection for every 421.
    return code === 421 ? "4.7.0" : super._getEnhancedStatusCode(code, context);
  }

  override _onTimeout(): void {
    if (this._closing) this._socket.destroy();
    else this.smtp.closeWith(replies.timeout);
  }

  override _onClose(): void {
    const isFirst = !this._closed;
    super._onClose();
    if (!isFirst) return;
    this.smtp.ended();
    this.emit("gone");
  }
}
