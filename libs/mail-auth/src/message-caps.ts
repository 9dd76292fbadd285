/** Caps of what is authenticated: beyond them a message is answered with values, not worked on. */
export const authCaps = {
  /** DKIM signatures that are verified; RFC 6376 section 6.1 lets a verifier limit them. */
  signaturesMax: 10,
  headerBytesMax: 262_144,
  headerLinesMax: 8_000,
} as const;

/** A message within the caps, or the reason why it is not. */
export type CappedMessage =
  | { readonly status: "within"; readonly message: Uint8Array; readonly notChecked: number }
  | { readonly status: "over"; readonly reason: string };

const LF = 10;
const CR = 13;

/** Offset behind the header's last line (the blank line not included) and the number of its lines. */
function measureHeader(message: Uint8Array): { readonly end: number; readonly lines: readonly number[] } | undefined {
  const lines: number[] = [];
  for (let at = 0; at < message.length; ) {
    if (message[at] === LF || (message[at] === CR && message[at + 1] === LF)) return { end: at, lines };
    if (at > authCaps.headerBytesMax || lines.length > authCaps.headerLinesMax) return undefined;
    lines.push(at);
    const lf = message.indexOf(LF, at);
    at = lf < 0 ? message.length : lf + 1;
  }
  return message.length > authCaps.headerBytesMax ? undefined : { end: message.length, lines };
}

/**
 * Bounds the header (a verifier's work grows with the square of its lines) and takes out DKIM-Signature fields beyond
 * the cap: those of domains related to `authorDomains` are kept first, so that padding cannot hide the one that counts.
 */
export function capMessage(message: Uint8Array): CappedMessage {
  const header = measureHeader(message);
  if (header === undefined || header.end > authCaps.headerBytesMax)
    return { status: "over", reason: "header section too large" };
  const fields = fieldsOf(message, header);
  const signatures = fields.filter((field) => field.name === "dkim-signature");
  if (signatures.length <= authCaps.signaturesMax) return { status: "within", message, notChecked: 0 };
  const from = fields.find((field) => field.name === "from")?.text ?? "";
  const ranked = [...signatures].sort((a, b) => relation(b.text, from) - relation(a.text, from));
  const dropped = new Set(ranked.slice(authCaps.signaturesMax).map((field) => field.start));
  const kept = fields
    .filter((field) => !dropped.has(field.start))
    .map((field) => message.subarray(field.start, field.end));
  return {
    status: "within",
    message: Buffer.concat([...kept, message.subarray(header.end)]),
    notChecked: dropped.size,
  };
}

interface Field {
  readonly name: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function fieldsOf(message: Uint8Array, header: { readonly end: number; readonly lines: readonly number[] }): Field[] {
  const starts = header.lines.filter((at, index) => index === 0 || (message[at] !== 0x20 && message[at] !== 0x09));
  return starts.map((start, index) => {
    const end = starts[index + 1] ?? header.end;
    const text = Buffer.from(message.buffer, message.byteOffset + start, end - start).toString("latin1");
    return {
      name: text
        .slice(0, Math.max(0, text.indexOf(":")))
        .trim()
        .toLowerCase(),
      text,
      start,
      end,
    };
  });
}

/** 1 when the From field names the signing domain or a subdomain of it. */
function relation(signature: string, from: string): number {
  const domain = /[;\s:]d\s*=\s*([a-z0-9.-]{3,255})/i.exec(signature)?.[1]?.toLowerCase();
  if (domain === undefined) return 0;
  const at = from.toLowerCase().lastIndexOf("@");
  const author = /^[a-z0-9.-]+/.exec(from.slice(at + 1).toLowerCase())?.[0] ?? "";
  return author === domain || author.endsWith(`.${domain}`) || domain.endsWith(`.${author}`) ? 1 : 0;
}
