import { parseAddressList } from "./addresses.ts";
import { fieldValue, headerFields } from "./header-fields.ts";
import { mimeLimits } from "./limits.ts";
import { type MimeEnvelope, type MimeIndex, type MimePart, mimeIndexVersion } from "./mime-index.ts";
import { parseParameterField } from "./parameters.ts";

const CR = 13;
const LF = 10;
const DASH = 45;

/** Fields that some part of the index needs; others are passed over. */
const wanted = new Set(
  (
    "date subject from sender reply-to to cc bcc in-reply-to message-id content-type content-transfer-encoding " +
    "content-id content-description content-md5 content-disposition content-language content-location"
  ).split(" "),
);

/**
 * Indexes a message in one pass over its lines, linear in its size whatever it holds. For small inputs, or inside a
 * worker: it blocks the thread (about 1 s for 500 MB).
 */
export function indexMessage(bytes: Uint8Array): MimeIndex {
  const indexer = new Indexer(bytes);
  const root = indexer.message();
  return { version: mimeIndexVersion, sizeBytes: bytes.length, truncated: indexer.truncated, root };
}

/** The line that ended a part: a delimiter of the multipart at `level`. */
interface Delimiter {
  readonly level: number;
  readonly closing: boolean;
  readonly lineStart: number;
}
/** What a part inherits: its place, and the type it has without a Content-Type field. */
interface Context {
  readonly level: number;
  readonly defaultType: "text/plain" | "message/rfc822";
  readonly isMessage: boolean;
}
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

class Indexer {
  truncated = false;
  readonly #bytes: Uint8Array;
  #at = 0;
  #parts = 0;
  #textBytes = 0;
  /** Line ends before #at. */
  #lines = 0;
  /** Open boundaries to their levels; an inner multipart that repeats an outer boundary hides it while open. */
  readonly #boundaries = new Map<string, number>();
  #longestBoundary = 0;
  /** The delimiter that ended the part read last; undefined at the end of the message. */
  #ended: Delimiter | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(): MimePart {
    return this.#part({ level: 0, defaultType: "text/plain", isMessage: true });
  }

  #part(context: Context): MimePart {
    this.#parts += 1;
    this.#ended = undefined;
    const headerStart = this.#at;
    this.#skipHeader();
    const headerEnd = this.#delimiterStart() ?? this.#at;
    const part = this.#describe(headerStart, headerEnd, context);
    const firstLine = this.#lines;
    if (this.#ended === undefined) this.#body(part, context.level);
    part.bodyEnd = Math.max(part.bodyStart, this.#contentEnd());
    part.lines = Math.max(0, this.#lines - firstLine - (this.#ended === undefined ? 0 : this.#lineEndBefore()));
    return part;
  }

  #body(part: Mutable<MimePart>, level: number): void {
    const boundary = part.parameters.find(([name]) => name === "boundary")?.[1].trimEnd();
    const isMultipart = part.type === "multipart" && boundary !== undefined && boundary !== "";
    const isMessage = part.type === "message" && (part.subtype === "rfc822" || part.subtype === "global");
    const isContainer = isMultipart || isMessage;
    const tooMuch =
      isContainer &&
      (level >= mimeLimits.nestingMax ||
        this.#parts >= mimeLimits.partsMax ||
        (boundary?.length ?? 0) > mimeLimits.boundaryBytesMax);
    if (tooMuch) this.truncated = true;
    if (!isContainer || tooMuch) this.#skipBody();
    else if (isMessage) part.message = this.#part({ level: level + 1, defaultType: "text/plain", isMessage: true });
    else part.parts = this.#multipart(boundary as string, level + 1, part.subtype === "digest");
  }

  #multipart(boundary: string, level: number, isDigest: boolean): MimePart[] {
    const hidden = this.#boundaries.get(boundary);
    const longestBefore = this.#longestBoundary;
    this.#boundaries.set(boundary, level);
    this.#longestBoundary = Math.max(longestBefore, boundary.length);
    const parts: MimePart[] = [];
    this.#skipBody();
    while (this.#ended?.level === level && !this.#ended.closing) {
      if (this.#parts >= mimeLimits.partsMax) {
        this.truncated = true;
        this.#skipBody();
        continue;
      }
      parts.push(this.#part({ level, defaultType: isDigest ? "message/rfc822" : "text/plain", isMessage: false }));
    }
    if (hidden === undefined) this.#boundaries.delete(boundary);
    else this.#boundaries.set(boundary, hidden);
    this.#longestBoundary = longestBefore;
    // The epilogue belongs to this part, up to an outer delimiter.
    if (this.#ended?.level === level) this.#skipBody();
    return parts;
  }

  /** Moves behind the blank line, or to a delimiter that cuts the header short. */
  #skipHeader(): void {
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      const end = this.#nextLine();
      if (end - start === 1 || (end - start === 2 && this.#bytes[start] === CR)) return;
      this.#ended = this.#delimiterAt(start, end);
      if (this.#ended !== undefined) return;
    }
  }

  #skipBody(): void {
    this.#ended = undefined;
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      const end = this.#nextLine();
      if (this.#bytes[start] !== DASH) continue;
      this.#ended = this.#delimiterAt(start, end);
      if (this.#ended !== undefined) return;
    }
  }

  #nextLine(): number {
    const lf = this.#bytes.indexOf(LF, this.#at);
    if (lf >= 0) this.#lines += 1;
    this.#at = lf < 0 ? this.#bytes.length : lf + 1;
    return this.#at;
  }

  /** RFC 2046 section 5.1.1: `--boundary`, `--` more when closing, then only blanks. One map look-up a line. */
  #delimiterAt(start: number, end: number): Delimiter | undefined {
    if (this.#bytes[start] !== DASH || this.#bytes[start + 1] !== DASH || this.#boundaries.size === 0) return undefined;
    let last = end;
    while (last > start && (this.#bytes[last - 1] as number) <= 32) last -= 1;
    if (last - start > this.#longestBoundary + 4) return undefined;
    const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, last - start).toString("latin1");
    const opening = this.#boundaries.get(text.slice(2));
    if (opening !== undefined) return { level: opening, closing: false, lineStart: start };
    const closing = text.endsWith("--") ? this.#boundaries.get(text.slice(2, -2)) : undefined;
    return closing === undefined ? undefined : { level: closing, closing: true, lineStart: start };
  }

  #delimiterStart(): number | undefined {
    return this.#ended?.lineStart;
  }

  /** End of the content before the delimiter: the line end in front of a delimiter belongs to the delimiter. */
  #contentEnd(): number {
    if (this.#ended === undefined) return this.#at;
    const start = this.#ended.lineStart;
    if (this.#bytes[start - 1] !== LF) return start;
    return this.#bytes[start - 2] === CR ? start - 2 : start - 1;
  }

  /** Line ends read since the part began that are not in its body: the delimiter line's own, and the one before it. */
  #lineEndBefore(): number {
    const own = this.#bytes[this.#at - 1] === LF ? 1 : 0;
    return own + (this.#ended !== undefined && this.#bytes[this.#ended.lineStart - 1] === LF ? 1 : 0);
  }

  #describe(headerStart: number, headerEnd: number, context: Context): Mutable<MimePart> {
    const fields = this.#fields(headerStart, headerEnd);
    const contentType = parseParameterField(fields.get("content-type") ?? "");
    const slash = contentType.value.indexOf("/");
    const known = slash > 0 && slash < contentType.value.length - 1 && !/[\s"]/.test(contentType.value);
    const [type = "", subtype = ""] = (known ? contentType.value : context.defaultType).split("/", 2);
    const part: Mutable<MimePart> = {
      headerStart,
      bodyStart: headerEnd,
      bodyEnd: headerEnd,
      lines: 0,
      type,
      subtype,
      parameters: known ? contentType.parameters : [],
    };
    describeContent(part, fields);
    if (context.isMessage) part.envelope = envelopeOf(fields);
    return part;
  }

  /** First value of each wanted field: a repeated one is an attempt to show different readers different things. */
  #fields(start: number, end: number): Map<string, string> {
    if (end - start > mimeLimits.headerBytesMax) this.truncated = true;
    const fields = new Map<string, string>();
    for (const field of headerFields(this.#bytes, start, end)) {
      if (!wanted.has(field.name) || fields.has(field.name)) continue;
      if (this.#textBytes > mimeLimits.textBytesMax) {
        this.truncated = true;
        break;
      }
      const value = fieldValue(this.#bytes, field);
      this.#textBytes += value.length;
      fields.set(field.name, value);
    }
    return fields;
  }
}

function describeContent(part: Mutable<MimePart>, fields: ReadonlyMap<string, string>): void {
  const set = (key: "id" | "description" | "md5" | "location", name: string) => {
    const value = fields.get(name);
    if (value !== undefined && value !== "") part[key] = value;
  };
  set("id", "content-id");
  set("description", "content-description");
  set("md5", "content-md5");
  set("location", "content-location");
  const encoding = parseParameterField(fields.get("content-transfer-encoding") ?? "").value;
  if (encoding !== "") part.encoding = encoding;
  const disposition = parseParameterField(fields.get("content-disposition") ?? "");
  if (disposition.value !== "") part.disposition = { type: disposition.value, parameters: disposition.parameters };
  const language = (fields.get("content-language") ?? "").split(",", mimeLimits.parametersMax);
  const tags = language.map((tag) => tag.trim()).filter((tag) => tag !== "");
  if (tags.length > 0) part.language = tags;
}

/** RFC 3501 section 7.4.2: sender and reply-to default to from. */
function envelopeOf(fields: ReadonlyMap<string, string>): MimeEnvelope {
  // Present but empty is the empty string, absent is NIL.
  const text = (name: string) => fields.get(name);
  const list = (name: string) => {
    const value = fields.get(name);
    const addresses = value === undefined ? [] : parseAddressList(value);
    return addresses.length === 0 ? undefined : addresses;
  };
  const from = list("from");
  const envelope: { [Key in keyof MimeEnvelope]: MimeEnvelope[Key] | undefined } = {
    date: text("date"),
    subject: text("subject"),
    from,
    sender: list("sender") ?? from,
    replyTo: list("reply-to") ?? from,
    to: list("to"),
    cc: list("cc"),
    bcc: list("bcc"),
    inReplyTo: text("in-reply-to"),
    messageId: text("message-id"),
  };
  return Object.fromEntries(Object.entries(envelope).filter(([, value]) => value !== undefined)) as MimeEnvelope;
}
