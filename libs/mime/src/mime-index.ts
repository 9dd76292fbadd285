/** A parameter as it stands in the message: name lower case; RFC 2231 continuations joined under `name*` or `name`. */
export type MimeParameter = readonly [name: string, value: string];

/** RFC 3501 section 7.4.2 address: display name, source route, mailbox, host; null = NIL. A group starts with a null host. */
export type MimeAddress = readonly [
  name: string | null,
  route: string | null,
  mailbox: string | null,
  host: string | null,
];

/** Fields of RFC 3501's ENVELOPE. Texts are raw (encoded words kept), one character per octet. Absent = NIL. */
export interface MimeEnvelope {
  readonly date?: string;
  readonly subject?: string;
  readonly from?: readonly MimeAddress[];
  readonly sender?: readonly MimeAddress[];
  readonly replyTo?: readonly MimeAddress[];
  readonly to?: readonly MimeAddress[];
  readonly cc?: readonly MimeAddress[];
  readonly bcc?: readonly MimeAddress[];
  readonly inReplyTo?: string;
  readonly messageId?: string;
}

/**
 * One part. Offsets count octets from the start of the stored message: header [headerStart, bodyStart) with its blank
 * line, body [bodyStart, bodyEnd). Texts hold one character per octet (Latin-1 view of raw bytes).
 */
export interface MimePart {
  readonly headerStart: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Line ends in the body. */
  readonly lines: number;
  /** Lower case. */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly MimeParameter[];
  readonly id?: string;
  readonly description?: string;
  /** Content-Transfer-Encoding, lower case; absent = 7bit. */
  readonly encoding?: string;
  readonly md5?: string;
  readonly disposition?: { readonly type: string; readonly parameters: readonly MimeParameter[] };
  readonly language?: readonly string[];
  readonly location?: string;
  /** Of a multipart. */
  readonly parts?: readonly MimePart[];
  /** Of a message/rfc822: the message in it. */
  readonly message?: MimePart;
  /** Of a message (the root, and `message` of a message/rfc822). */
  readonly envelope?: MimeEnvelope;
}

/** Raised when the same message gets another index: kept ones are then computed again. */
export const mimeIndexVersion = 2;

/** Where everything of a message lies: computed once, kept beside the body as JSON. */
export interface MimeIndex {
  readonly version: typeof mimeIndexVersion;
  readonly sizeBytes: number;
  /** A cap was reached: deeper parts are shown as leaves. */
  readonly truncated: boolean;
  readonly root: MimePart;
}

/** JSON text for BlobStore.writeIndex. */
export function writeMimeIndex(index: MimeIndex): string {
  return JSON.stringify(index);
}

/** The index of stored JSON text, or undefined when it is of another version: then it is computed again. */
export function readMimeIndex(text: string): MimeIndex | undefined {
  const index = JSON.parse(text) as MimeIndex;
  return index.version === mimeIndexVersion ? index : undefined;
}

/**
 * The index of prefix + message, where prefix is whole header lines (trace fields of one delivery): offsets move,
 * nothing is parsed again. Trace fields are no part of ENVELOPE, so it stays.
 */
export function withPrefix(index: MimeIndex, prefix: string): MimeIndex {
  const shift = Buffer.byteLength(prefix, "utf8");
  if (shift === 0) return index;
  return { ...index, sizeBytes: index.sizeBytes + shift, root: { ...moved(index.root, shift), headerStart: 0 } };
}

function moved(part: MimePart, shift: number): MimePart {
  return {
    ...part,
    headerStart: part.headerStart + shift,
    bodyStart: part.bodyStart + shift,
    bodyEnd: part.bodyEnd + shift,
    ...(part.parts === undefined ? {} : { parts: part.parts.map((child) => moved(child, shift)) }),
    ...(part.message === undefined ? {} : { message: moved(part.message, shift) }),
  };
}
