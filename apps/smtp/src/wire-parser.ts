import { Writable } from "node:stream";
import { MessageReader, type MessageSink } from "./message-reader.ts";

/** What is wrong with a command line before its verb is looked at. */
export type LineFault = "too-long" | "endless" | "bare-lf" | "control" | "not-utf8";

export interface WireEvents {
  /** A command line without its CRLF, or a fault. The next is read after `next`. */
  line(text: string, fault: LineFault | undefined, next: () => void): void;
  /** Longest line, CRLF included, that starts with these (at least 5, or all) octets. */
  lineLimitOctets(start: string): number;
  /** CRLF.CRLF was read. */
  messageEnded(reader: MessageReader, next: () => void): void;
  /** Brackets the handling of one batch of input, so that its replies leave in one segment. */
  batchStarts(): void;
  batchEnds(): void;
}

// A pipelined batch yields to other connections now and then.
const commandsPerTurn = 100;
// What is read of an over-long line in search of its end before the peer is given up.
const overlongMaxOctets = 64 * 1024;
const lf = 0x0a;
const cr = 0x0d;
const notPrintableAscii = /[^\x20-\x7e]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const control = /[\x00-\x1f\x7f]/;

/**
 * Cuts what a client sends into command lines and messages. Lines end at CRLF only; a line is bounded while it arrives, and
 * the outcome is the same however the octets are segmented.
 */
export class WireParser extends Writable {
  /** Set when the connection is closing: nothing more is dispatched. */
  isClosed = false;
  private reader: MessageReader | undefined;
  private held: Buffer | undefined;
  private skipping = false;
  private skipped = 0;
  private chunk: Buffer = Buffer.alloc(0);
  private at = 0;
  private running = false;
  private again = false;
  private finished: () => void = () => {};
  private readonly events: WireEvents;
  private readonly resume: () => void;

  constructor(events: WireEvents) {
    super({ highWaterMark: 64 * 1024 });
    this.events = events;
    this.resume = () => this.run();
  }

  /** True while a message is being read. */
  get isInMessage(): boolean {
    return this.reader !== undefined;
  }

  /** Whether octets that the client sent behind the current command are already here. */
  get hasMore(): boolean {
    return this.at < this.chunk.length;
  }

  /** What follows is a message; its content goes to `sink`. */
  startMessage(sink: MessageSink): void {
    this.reader = new MessageReader(sink);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.chunk = chunk;
    this.at = 0;
    this.finished = done;
    this.run();
  }

  private run(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    this.events.batchStarts();
    let ended = false;
    try {
      for (let count = 1; ; count += 1) {
        this.again = false;
        ended = this.isClosed || this.at >= this.chunk.length || !this.step();
        if (ended || !this.again) break;
        if (count >= commandsPerTurn) {
          setImmediate(this.resume);
          break;
        }
      }
    } finally {
      this.running = false;
      this.events.batchEnds();
    }
    if (ended) this.finish();
  }

  private finish(): void {
    const done = this.finished;
    this.finished = () => {};
    this.chunk = Buffer.alloc(0);
    this.at = 0;
    done();
  }

  /** Dispatches one line or message; false when the chunk holds no whole one. */
  private step(): boolean {
    const reader = this.reader;
    if (reader !== undefined) {
      const end = reader.feed(this.chunk, this.at);
      this.at = end < 0 ? this.chunk.length : end;
      if (end < 0) return false;
      this.reader = undefined;
      this.events.messageEnded(reader, this.resume);
      return true;
    }
    const end = this.chunk.indexOf(lf, this.at);
    const piece = this.chunk.subarray(this.at, end < 0 ? this.chunk.length : end + 1);
    this.at += piece.length;
    if (this.skipping) return this.skip(piece, end >= 0);
    const line = this.held === undefined ? piece : Buffer.concat([this.held, piece]);
    this.held = undefined;
    if (line.length > 255 && line.length > this.events.lineLimitOctets(line.toString("latin1", 0, 5))) {
      this.skipping = end < 0;
      this.skipped = line.length;
      this.events.line("", "too-long", this.resume);
      return true;
    }
    if (end < 0) {
      this.held = line;
      return false;
    }
    this.dispatch(line);
    return true;
  }

  private skip(piece: Buffer, isEnd: boolean): boolean {
    this.skipped += piece.length;
    this.skipping = !isEnd;
    if (!isEnd && this.skipped > overlongMaxOctets) {
      this.events.line("", "endless", this.resume);
      return true;
    }
    // The answer was given when the line passed its limit.
    this.again = true;
    return isEnd;
  }

  private dispatch(line: Buffer): void {
    if (line.length < 2 || line[line.length - 2] !== cr) {
      this.events.line("", "bare-lf", this.resume);
      return;
    }
    const text = line.toString("latin1", 0, line.length - 2);
    if (!notPrintableAscii.test(text)) this.events.line(text, undefined, this.resume);
    else if (control.test(text)) this.events.line("", "control", this.resume);
    else {
      const decoded = decodeUtf8(line.subarray(0, line.length - 2));
      this.events.line(decoded ?? "", decoded === undefined ? "not-utf8" : undefined, this.resume);
    }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    const text = utf8.decode(bytes);
    // C1 controls and invisible marks have no place in a command (they forge logs and headers).
    return /[\u0080-\u009f\u200b\u2028\u2029\u2060\ufeff]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
