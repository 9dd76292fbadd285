import { mimeLimits } from "./limits.ts";

/** One field of a header block: where its lines lie (line ends included), its lower-case name, and where its value begins. */
export interface HeaderField {
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;

/** Offset just behind the blank line that ends the header, or undefined when `bytes` hold no such line. */
export function headerEnd(bytes: Uint8Array, from = 0): number | undefined {
  for (let at = from; at < bytes.length; ) {
    const lf = bytes.indexOf(LF, at);
    if (lf < 0) return undefined;
    if (lf === at || (lf === at + 1 && bytes[at] === CR)) return lf + 1;
    at = lf + 1;
  }
  return undefined;
}

/** Fields of a header block, in order; lines that are no field are passed over. Linear, and capped in octets. */
export function* headerFields(bytes: Uint8Array, start = 0, end = bytes.length): Generator<HeaderField> {
  const limit = Math.min(end, start + mimeLimits.headerBytesMax);
  for (let at = start; at < limit; ) {
    let next = lineEnd(bytes, at, limit);
    if (isBlank(bytes, at, next)) return;
    while (next < limit && (bytes[next] === SPACE || bytes[next] === TAB)) next = lineEnd(bytes, next, limit);
    const name = fieldName(bytes, at, next);
    if (name !== undefined) yield { name: name.text, start: at, valueStart: name.end + 1, end: next };
    at = next;
  }
}

/** Value of a field, unfolded (RFC 5322 section 2.2.3) and trimmed; one character per octet, nothing decoded. */
export function fieldValue(bytes: Uint8Array, field: HeaderField): string {
  const end = Math.min(field.end, field.valueStart + mimeLimits.fieldBytesMax);
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset + field.valueStart, Math.max(0, end - field.valueStart));
  return raw
    .toString("latin1")
    .replace(/[\r\n\0]+/g, "")
    .trim();
}

function lineEnd(bytes: Uint8Array, at: number, limit: number): number {
  const lf = bytes.indexOf(LF, at);
  return lf < 0 || lf >= limit ? limit : lf + 1;
}

function isBlank(bytes: Uint8Array, at: number, next: number): boolean {
  return next - at <= 2 && (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF));
}

function fieldName(bytes: Uint8Array, at: number, end: number): { text: string; end: number } | undefined {
  const longest = Math.min(end, at + 256);
  let text = "";
  for (let i = at; i < longest; i++) {
    const byte = bytes[i] as number;
    if (byte === COLON) return text === "" ? undefined : { text: text.trimEnd().toLowerCase(), end: i };
    // RFC 5322 section 3.6.8; blanks before the colon are obsolete syntax (4.5.8) and still seen.
    if (byte < SPACE && byte !== TAB) return undefined;
    text += String.fromCharCode(byte);
  }
  return undefined;
}
