import { headerFields, type MimeIndex, type MimePart, mimeLimits } from "@mailfold/mime";
import type { StoredMessage } from "./stored-message.ts";

/** section-spec of RFC 3501 section 9: a part's path (empty = the message itself) and what of it. */
export interface Section {
  readonly path: readonly number[];
  readonly kind: "" | "HEADER" | "HEADER.FIELDS" | "HEADER.FIELDS.NOT" | "TEXT" | "MIME";
  /** Of HEADER.FIELDS and .NOT, as the client wrote them. */
  readonly fields: readonly string[];
}

/** Where a section lies: octets [start, end) of the message, or, for picked fields, the octets themselves. */
export type SectionContent = { readonly start: number; readonly end: number } | { readonly bytes: Buffer };

/** Finds a section. Undefined = there is no such part (NIL). The root's own header and text need no index. */
export async function locateSection(message: StoredMessage, section: Section): Promise<SectionContent | undefined> {
  const extent =
    section.path.length === 0 ? await rootExtent(message, section) : partExtent(await message.index(), section);
  if (extent === undefined || !section.kind.startsWith("HEADER.FIELDS")) return extent;
  const block = await message.read(extent.start, Math.min(extent.end, extent.start + mimeLimits.headerBytesMax));
  return { bytes: pickFields(block, section.fields, section.kind === "HEADER.FIELDS") };
}

async function rootExtent(message: StoredMessage, { kind }: Section): Promise<{ start: number; end: number }> {
  if (kind === "") return { start: 0, end: message.sizeBytes };
  const header = await message.headerBytes();
  return kind === "TEXT" ? { start: header, end: message.sizeBytes } : { start: 0, end: header };
}

function partExtent(index: MimeIndex, section: Section): { start: number; end: number } | undefined {
  const part = partAt(index.root, section.path);
  if (part === undefined) return undefined;
  if (section.kind === "") return { start: part.bodyStart, end: part.bodyEnd };
  if (section.kind === "MIME") return { start: part.headerStart, end: part.bodyStart };
  // RFC 3501 section 6.4.5: HEADER and TEXT of a part refer to the message in a message/rfc822.
  const inner = part.message;
  if (inner === undefined) return undefined;
  if (section.kind === "TEXT") return { start: inner.bodyStart, end: inner.bodyEnd };
  return { start: inner.headerStart, end: inner.bodyStart };
}

/** RFC 3501 section 6.4.5 part numbers: every message has a part 1, its body when it is no multipart. */
function partAt(root: MimePart, path: readonly number[]): MimePart | undefined {
  let container: MimePart | undefined = root;
  let isMessage = true;
  let part: MimePart | undefined;
  for (const number of path) {
    if (container?.parts !== undefined) part = container.parts[number - 1];
    else part = isMessage && number === 1 ? container : undefined;
    if (part === undefined) return undefined;
    isMessage = part.message !== undefined;
    container = part.message ?? (part.parts === undefined ? undefined : part);
  }
  return part;
}

/** Whole lines of the fields named (or not named), and the blank line. */
function pickFields(block: Buffer, names: readonly string[], named: boolean): Buffer {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const pieces: Buffer[] = [];
  for (const field of headerFields(block)) {
    if (wanted.has(field.name) === named) pieces.push(block.subarray(field.start, field.end));
  }
  pieces.push(Buffer.from("\r\n"));
  return Buffer.concat(pieces);
}
