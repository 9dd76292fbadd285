import type { MimeFlag } from "@mailfold/kernel";
import { fieldValue, headerEnd, headerFields } from "./header-fields.ts";
import { indexMessage } from "./index-message.ts";
import { mimeLimits } from "./limits.ts";
import type { MimePart } from "./mime-index.ts";

const encodings = new Set(["7bit", "8bit", "binary", "quoted-printable", "base64"]);
/** Octets of one body that are looked at. */
const sampledBytes = 65_536;
const partsLookedAt = 100;
const LF = 10;
const CR = 13;

/** Defects of a message's MIME structure, each once; for a worker, as `indexMessage` is. Never throws on bad input. */
export function findMimeFlags(bytes: Uint8Array): readonly MimeFlag[] {
  const { root, truncated } = indexMessage(bytes);
  const flags = new Set<MimeFlag>();
  if (truncated) flags.add("too-deep");
  lookAtHeader(bytes, flags);
  let room = partsLookedAt;
  const visit = (part: MimePart): void => {
    room -= 1;
    if (room < 0) return;
    lookAtPart(bytes, part, flags);
    for (const child of part.parts ?? []) visit(child);
    if (part.message !== undefined) visit(part.message);
  };
  visit(root);
  return [...flags];
}

function lookAtHeader(bytes: Uint8Array, flags: Set<MimeFlag>): void {
  const end = Math.min(headerEnd(bytes) ?? bytes.length, mimeLimits.headerBytesMax);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
  if (text.includes("\0")) flags.add("nul-in-header");
  if (hasLineWithoutName(bytes, end)) flags.add("bad-header-line");
  for (const field of headerFields(bytes, 0, end)) {
    const value = fieldValue(bytes, field);
    if (!/[\x80-\xff]/.test(value)) continue;
    // RFC 6532 lets header text be UTF-8; anything else is a guess.
    if (Buffer.from(value, "latin1").toString("utf8").includes("\ufffd")) flags.add("raw-8bit-header");
  }
}

/** A line that neither continues a field nor begins one (RFC 5322 section 2.2). */
function hasLineWithoutName(bytes: Uint8Array, end: number): boolean {
  for (let at = 0; at < end; ) {
    const lf = bytes.indexOf(LF, at);
    const next = lf < 0 || lf >= end ? end : lf + 1;
    const first = bytes[at];
    const isBlank = first === LF || (first === CR && bytes[at + 1] === LF);
    if (isBlank) return false;
    if (first !== 0x20 && first !== 0x09) {
      const line = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(next - at, 256)).toString("latin1");
      if (!/^[!-9;-~]+[ \t]*:/.test(line)) return true;
    }
    at = next;
  }
  return false;
}

function lookAtPart(bytes: Uint8Array, part: MimePart, flags: Set<MimeFlag>): void {
  const encoding = part.encoding ?? "7bit";
  if (!encodings.has(encoding)) flags.add("unknown-encoding");
  if (part.type === "multipart") return lookAtMultipart(bytes, part, flags);
  if (part.message !== undefined) return;
  const body = sampleOf(bytes, part);
  if (breaksEncoding(body, encoding)) flags.add("bad-encoding");
  const charset = part.parameters.find(([name]) => name === "charset")?.[1] ?? "";
  if (part.type === "text" && charset !== "" && !isKnownCharset(charset)) flags.add("unknown-charset");
  if (isMisnamed(part, body, encoding)) flags.add("type-mismatch");
}

/** The beginning of a body, whole lines where it is cut. */
function sampleOf(bytes: Uint8Array, part: MimePart): Buffer {
  const sizeBytes = part.bodyEnd - part.bodyStart;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset + part.bodyStart, Math.min(sizeBytes, sampledBytes));
  return sizeBytes <= sampledBytes ? body : body.subarray(0, body.lastIndexOf(LF) + 1);
}

function lookAtMultipart(bytes: Uint8Array, part: MimePart, flags: Set<MimeFlag>): void {
  const boundary = part.parameters.find(([name]) => name === "boundary")?.[1].trimEnd() ?? "";
  if (boundary === "" || (part.parts ?? []).length === 0) flags.add("missing-boundary");
  if (boundary === "" || boundary.length > mimeLimits.boundaryBytesMax) return;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset + part.bodyStart, part.bodyEnd - part.bodyStart);
  if (body.lastIndexOf(`--${boundary}--`, undefined, "latin1") < 0) flags.add("unterminated-multipart");
}

function breaksEncoding(body: Buffer, encoding: string): boolean {
  if (encoding === "base64") return /[^A-Za-z0-9+/=\s]/.test(body.toString("latin1"));
  if (encoding === "quoted-printable") return /=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*$)/.test(body.toString("latin1"));
  return false;
}

function isKnownCharset(charset: string): boolean {
  const name = charset.trim().toLowerCase();
  if (name === "us-ascii" || name === "ascii" || name === "utf8") return true;
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}

const executableStarts = ["MZ", "\x7fELF"];

/** A program that calls itself something harmless: by its first octets, or by its name. */
function isMisnamed(part: MimePart, body: Buffer, encoding: string): boolean {
  const harmless = part.type === "image" || part.type === "text" || part.type === "audio" || part.type === "video";
  if (!harmless || part.subtype.includes("javascript")) return false;
  const start = encoding === "base64" ? Buffer.from(body.subarray(0, 8).toString("latin1"), "base64") : body;
  const text = start.subarray(0, 4).toString("latin1");
  if (executableStarts.some((magic) => text.startsWith(magic)) && part.type !== "text") return true;
  const names = [...(part.disposition?.parameters ?? []), ...part.parameters];
  const name = names.find(([key]) => key === "filename" || key === "name")?.[1] ?? "";
  return /\.(exe|scr|com|pif|bat|cmd|vbs|js|jar|msi|lnk|hta|ps1)$/i.test(name.trim());
}
