import libmime from "libmime";
import { mimeLimits } from "./limits.ts";
import type { MimePart } from "./mime-index.ts";

const aliases: Readonly<Record<string, string>> = { "us-ascii": "utf-8", ascii: "utf-8", utf8: "utf-8", "": "utf-8" };

/** Encoded words (RFC 2047) and raw UTF-8 of a raw field value, as text for comparing. Never used for addresses' syntax. */
export function decodeHeaderText(raw: string): string {
  const capped = raw.length > mimeLimits.fieldBytesMax ? raw.slice(0, mimeLimits.fieldBytesMax) : raw;
  const text = Buffer.from(capped, "latin1").toString("utf8");
  if (!text.includes("=?")) return text;
  try {
    return libmime.decodeWords(text);
  } catch {
    // A broken charset name: the raw text is still searchable.
    return text;
  }
}

/** A text part's content as text: transfer encoding and charset undone, broken input replaced rather than refused. */
export function decodeTextPart(bytes: Uint8Array, part: MimePart): string {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset + part.bodyStart, part.bodyEnd - part.bodyStart);
  const charset = part.parameters.find(([name]) => name === "charset")?.[1] ?? "";
  return decodeCharset(decodeTransfer(body, part.encoding ?? "7bit"), charset);
}

function decodeTransfer(body: Buffer, encoding: string): Buffer {
  if (encoding === "base64") return Buffer.from(body.toString("latin1"), "base64");
  return encoding === "quoted-printable" ? decodeQuotedPrintable(body) : body;
}

/** RFC 2045 section 6.7, in place of a regular expression: one pass, bad sequences kept as they stand. */
function decodeQuotedPrintable(body: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte !== 61) {
      out[length++] = byte;
      continue;
    }
    const softEnd = body[at + 1] === 10 ? 1 : body[at + 1] === 13 && body[at + 2] === 10 ? 2 : 0;
    const high = hexDigit(body[at + 1]);
    const low = hexDigit(body[at + 2]);
    if (softEnd > 0) at += softEnd;
    else if (high >= 0 && low >= 0) {
      out[length++] = high * 16 + low;
      at += 2;
    } else out[length++] = byte;
  }
  return out.subarray(0, length);
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function decodeCharset(bytes: Buffer, charset: string): string {
  const name = charset.trim().toLowerCase();
  const known = aliases[name] ?? name;
  try {
    return new TextDecoder(known).decode(bytes);
  } catch {
    // An unknown charset: its ASCII is searchable at least.
    return bytes.toString("latin1");
  }
}
