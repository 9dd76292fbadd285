/** A piece of a command: text of a line (without its line end), or the octets of a literal. */
export type Segment =
  | { readonly type: "text"; readonly bytes: Buffer }
  | { readonly type: "literal"; readonly bytes: Buffer };

/** What may be read now; asked anew for each command, since a login changes it. */
export interface ReadLimits {
  /** Octets of a command outside literals. */
  readonly lineBytesMax: number;
  readonly literalsMax: number;
  /** Largest literal allowed after these segments (the text before its `{n}` last). */
  literalBytesMax(segments: readonly Segment[]): number;
  /** Takes room for a literal's octets; false = no room now. Given back through `ReadEvent.reservedBytes`. */
  reserve(sizeBytes: number): boolean;
}

export type ReadEvent =
  /** No whole command yet. */
  | { readonly type: "more" }
  /** The client waits for `+` before it sends a literal. */
  | { readonly type: "continue" }
  | { readonly type: "command"; readonly segments: readonly Segment[] }
  /** Refused, and the stream is in step: the next octet begins a new command. */
  | { readonly type: "refused"; readonly segments: readonly Segment[]; readonly cause: RefusalCause }
  /** Where the next command begins is not known: only BYE is left. */
  | { readonly type: "lost"; readonly text: string };
export type RefusalCause = "line-too-long" | "literal-too-big" | "too-many-literals" | "no-room" | "bare-lf";

const LF = 10;
const CR = 13;
/** Octets of refused input that are read and dropped to stay in step, after which the session ends. */
const drainBytesMax = 1_048_576;
const empty = Buffer.alloc(0);

/**
 * Cuts the octets of a session into commands (RFC 3501 section 2.2.1; non-synchronising literals RFC 7888). Work and
 * memory are linear in what arrives and capped; how the stream is split into chunks makes no difference.
 */
export class CommandReader {
  /** Octets reserved for literals of the command being read. */
  reservedBytes = 0;
  #input: Buffer = empty;
  #pieces: Buffer[] = [];
  /** Small pieces at the end of #pieces. */
  #crumbs = 0;
  #textBytes = 0;
  #segments: Segment[] = [];
  #literals = 0;
  /** Octets of the current literal still to come; -1 = reading text. */
  #literalLeft = -1;
  #skipping: RefusalCause | undefined;
  #drained = 0;

  push(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
  }

  /** Octets received and not yet part of a command. */
  get buffered(): number {
    return this.#input.length;
  }

  /** Forgets everything received: plaintext behind STARTTLS must not act inside TLS (RFC 3501 section 6.2.1). */
  discard(): void {
    this.#input = empty;
    this.#reset();
  }

  next(limits: ReadLimits): ReadEvent {
    for (;;) {
      const event = this.#literalLeft >= 0 ? this.#readLiteral() : this.#readText(limits);
      if (event !== undefined) return event;
    }
  }

  /** One line without its end, for IDLE's DONE and SASL responses; undefined = not there yet, null = too long. */
  nextLine(lineBytesMax: number): Buffer | null | undefined {
    const lf = this.#input.indexOf(LF);
    if (lf < 0) return this.#input.length > lineBytesMax ? null : undefined;
    if (lf > lineBytesMax) return null;
    const line = this.#input.subarray(0, lf > 0 && this.#input[lf - 1] === CR ? lf - 1 : lf);
    this.#input = this.#input.subarray(lf + 1);
    return line;
  }

  #readLiteral(): ReadEvent | undefined {
    const taken = this.#input.subarray(0, this.#literalLeft);
    this.#input = this.#input.subarray(taken.length);
    this.#literalLeft -= taken.length;
    if (this.#skipping === undefined && taken.length > 0) this.#keepPiece(taken);
    if (this.#literalLeft > 0) return { type: "more" };
    this.#literalLeft = -1;
    if (this.#skipping === undefined) this.#segments.push({ type: "literal", bytes: this.#takePieces() });
    return undefined;
  }

  /** Crumbs are joined from time to time: a buffer for each octet would cost a hundred times the literal. */
  #keepPiece(taken: Buffer): void {
    this.#pieces.push(taken);
    this.#crumbs = taken.length < 1_024 ? this.#crumbs + 1 : 0;
    if (this.#crumbs < 256) return;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(-this.#crumbs)));
    this.#crumbs = 0;
  }

  #readText(limits: ReadLimits): ReadEvent | undefined {
    if (this.#input.length === 0) return { type: "more" };
    const lf = this.#input.indexOf(LF);
    const taken = lf < 0 ? this.#input : this.#input.subarray(0, lf + 1);
    this.#input = lf < 0 ? empty : this.#input.subarray(lf + 1);
    this.#textBytes += taken.length;
    if (this.#skipping === undefined && this.#textBytes > limits.lineBytesMax) this.#skip("line-too-long");
    if (this.#skipping !== undefined) {
      this.#drained += taken.length;
      if (this.#drained > drainBytesMax) return { type: "lost", text: "Line too long" };
    }
    this.#pieces.push(taken);
    if (this.#skipping !== undefined || this.#pieces.length > 64) this.#compact();
    return lf < 0 ? { type: "more" } : this.#lineEnded(limits);
  }

  /** While skipping only the end of the line matters, where a literal may be announced. */
  #compact(): void {
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [this.#skipping === undefined ? all : Buffer.from(all.subarray(-64))];
  }

  #lineEnded(limits: ReadLimits): ReadEvent | undefined {
    const whole = this.#takePieces();
    const bareLf = whole[whole.length - 2] !== CR;
    const text = whole.subarray(0, whole.length - (bareLf ? 1 : 2));
    const literal = announcedLiteral(text, this.#skipping !== undefined);
    if (this.#skipping !== undefined) return this.#skippedLineEnded(literal);
    this.#segments.push({ type: "text", bytes: literal === undefined ? text : text.subarray(0, literal.at) });
    if (bareLf) return literal === undefined ? this.#refuse("bare-lf") : { type: "lost", text: "Bare line feed" };
    if (literal === undefined) {
      const { segments } = this.#reset();
      return { type: "command", segments };
    }
    return this.#literalAnnounced(literal, limits);
  }

  #literalAnnounced(literal: AnnouncedLiteral, limits: ReadLimits): ReadEvent | undefined {
    this.#literals += 1;
    const cause =
      literal.sizeBytes > limits.literalBytesMax(this.#segments)
        ? "literal-too-big"
        : this.#literals > limits.literalsMax
          ? "too-many-literals"
          : limits.reserve(literal.sizeBytes)
            ? undefined
            : "no-room";
    if (cause === undefined) {
      this.reservedBytes += literal.sizeBytes;
      this.#literalLeft = literal.sizeBytes;
      return literal.sync ? { type: "continue" } : undefined;
    }
    if (literal.sync) return this.#refuse(cause);
    // A non-synchronising literal is on its way already: it is read and dropped, or the session ends.
    this.#skip(cause);
    return this.#drain(literal.sizeBytes);
  }

  #skippedLineEnded(literal: AnnouncedLiteral | undefined): ReadEvent | undefined {
    if (literal === undefined || literal.sync) return this.#refuse(this.#skipping ?? "line-too-long");
    return this.#drain(literal.sizeBytes);
  }

  #drain(sizeBytes: number): ReadEvent | undefined {
    this.#drained += sizeBytes;
    if (this.#drained > drainBytesMax) return { type: "lost", text: "[TOOBIG] Literal too big" };
    this.#literalLeft = sizeBytes;
    return undefined;
  }

  #skip(cause: RefusalCause): void {
    this.#skipping = cause;
  }

  #refuse(cause: RefusalCause): ReadEvent {
    const { segments } = this.#reset();
    return { type: "refused", segments, cause };
  }

  #takePieces(): Buffer {
    const [first] = this.#pieces;
    const bytes = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#crumbs = 0;
    return bytes;
  }

  #reset(): { segments: Segment[] } {
    const segments = this.#segments;
    this.#segments = [];
    this.#pieces = [];
    this.#textBytes = 0;
    this.#literals = 0;
    this.#literalLeft = -1;
    this.#skipping = undefined;
    this.#drained = 0;
    return { segments };
  }
}

interface AnnouncedLiteral {
  readonly at: number;
  readonly sizeBytes: number;
  readonly sync: boolean;
}

/** `{n}` or `{n+}` at the end of a line, outside quotes (unless only the line's tail is known). */
function announcedLiteral(text: Buffer, tailOnly: boolean): AnnouncedLiteral | undefined {
  if (text[text.length - 1] !== 0x7d) return undefined;
  const open = text.lastIndexOf(0x7b);
  if (open < 0 || text.length - open > 32) return undefined;
  const match = /^\{(\d+)(\+?)\}$/.exec(text.toString("latin1", open));
  if (match === null || (!tailOnly && endsInsideQuotes(text, open))) return undefined;
  return { at: open, sizeBytes: Number(match[1]), sync: match[2] === "" };
}

function endsInsideQuotes(text: Buffer, end: number): boolean {
  let inside = false;
  for (let at = 0; at < end; at++) {
    if (text[at] === 0x22) inside = !inside;
    else if (inside && text[at] === 0x5c) at += 1;
  }
  return inside;
}
