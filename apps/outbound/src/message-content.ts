import { Readable } from "node:stream";

/** A message in parts that follow one another: what this host put before it, and the message as it came. */
export type MessageContent = readonly Uint8Array[];

const chunkBytes = 64 * 1024;

export function contentSizeBytes(content: MessageContent): number {
  return content.reduce((sum, part) => sum + part.length, 0);
}

/** The content as a stream of views in small pieces: the connection takes them as fast as it sends, and copies only those. */
export function readableOf(content: MessageContent): Readable {
  return Readable.from(chunksOf(content));
}

function* chunksOf(content: MessageContent): Generator<Buffer> {
  for (const part of content) {
    for (let at = 0; at < part.length; at += chunkBytes) {
      yield Buffer.from(part.buffer, part.byteOffset + at, Math.min(chunkBytes, part.length - at));
    }
  }
}

const LF = 10;
const CR = 13;

/** Whether the header, up to the first empty line, holds more than ASCII (RFC 6532 3.2). Expects CRLF line ends. */
export function needsUtf8Header(content: MessageContent): boolean {
  // Octets since the last line end; 0 = at the start of a line.
  let column = 0;
  for (const part of content) {
    for (const byte of part) {
      if (byte > 127) return true;
      if (byte === LF) {
        if (column === 0) return false;
        column = 0;
      } else if (byte !== CR) column += 1;
    }
  }
  return false;
}
