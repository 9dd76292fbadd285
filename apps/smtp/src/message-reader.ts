const lineStart = 0;
const text = 1;
const afterCr = 2;
const afterDot = 3;
const afterDotCr = 4;

const cr = 0x0d;
const lf = 0x0a;
const dot = 0x2e;
const crOctet = Buffer.from("\r");

/** Takes a message's content piece by piece, dots unstuffed. */
export interface MessageSink {
  push(piece: Buffer): void;
}

/**
 * Reads one message after 354 (RFC 5321 4.1.1.4, 4.5.2): it ends at CRLF.CRLF and nowhere else, however the octets are cut
 * into segments. A CR or LF that stands alone is content and noted: such a message is refused after its true end, because
 * servers that disagree about line ends let a second message be smuggled in (RFC 5321 2.3.8).
 */
export class MessageReader {
  bareLineEnd = false;
  private state = lineStart;
  private readonly sink: MessageSink;

  constructor(sink: MessageSink) {
    this.sink = sink;
  }

  /** Consumes from `from`; answers the index behind the end of the message, or -1 when the chunk ended first. */
  feed(chunk: Buffer, from: number): number {
    let state = this.state;
    let start = from;
    for (let at = from; at < chunk.length; at += 1) {
      let octet = chunk[at];
      if (state === text) {
        // Nearly all octets are beyond CR and LF and need no more than this.
        while (octet !== undefined && octet > cr) {
          at += 1;
          octet = chunk[at];
        }
      }
      if (octet === undefined) break;
      if (state === text) {
        if (octet === cr) state = afterCr;
        else if (octet === lf) this.bareLineEnd = true;
      } else if (state === afterCr) {
        if (octet === lf) state = lineStart;
        else {
          this.bareLineEnd = true;
          if (octet !== cr) state = text;
        }
      } else if (state === lineStart) {
        if (octet === dot) {
          this.emit(chunk, start, at);
          start = at + 1;
          state = afterDot;
        } else state = this.within(octet);
      } else if (state === afterDot) {
        start = octet === cr ? at + 1 : at;
        state = octet === cr ? afterDotCr : this.within(octet);
      } else {
        if (octet === lf) {
          this.state = lineStart;
          return at + 1;
        }
        // ".<CR>" that ends nothing: the dot was stuffing, the CR is content.
        this.sink.push(crOctet);
        this.bareLineEnd = true;
        start = at;
        state = this.within(octet);
      }
    }
    this.state = state;
    if (state !== afterDot && state !== afterDotCr) this.emit(chunk, start, chunk.length);
    return -1;
  }

  private within(octet: number): number {
    if (octet === cr) return afterCr;
    if (octet === lf) this.bareLineEnd = true;
    return text;
  }

  private emit(chunk: Buffer, start: number, end: number): void {
    if (end > start) this.sink.push(chunk.subarray(start, end));
  }
}
