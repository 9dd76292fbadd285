/** Modified UTF-7 of RFC 3501 section 5.1.3: printable ASCII stands for itself, `&` is `&-`, the rest is UTF-16 in base64. */
export function encodeMailboxName(name: string): string {
  let out = "";
  for (let at = 0; at < name.length; ) {
    const code = name.charCodeAt(at);
    if (code >= 0x20 && code <= 0x7e) {
      out += code === 0x26 ? "&-" : name[at];
      at += 1;
      continue;
    }
    const start = at;
    while (at < name.length && (name.charCodeAt(at) < 0x20 || name.charCodeAt(at) > 0x7e)) at += 1;
    const utf16 = Buffer.from(name.slice(start, at), "utf16le").swap16();
    out += `&${utf16.toString("base64").replace(/=+$/, "").replaceAll("/", ",")}-`;
  }
  return out;
}

/**
 * The name as Unicode in NFC, or undefined when the octets are no canonical modified UTF-7: two spellings of one name
 * would be two folders for one reader and one for another.
 */
export function decodeMailboxName(octets: Buffer): string | undefined {
  const text = octets.toString("latin1");
  if (!/^[\x20-\x7e]*$/.test(text)) return undefined;
  if (!text.includes("&")) return text;
  let name = "";
  for (let at = 0; at < text.length; ) {
    const shift = text.indexOf("&", at);
    if (shift < 0) {
      name += text.slice(at);
      break;
    }
    const end = text.indexOf("-", shift);
    if (end < 0) return undefined;
    name += text.slice(at, shift) + (end === shift + 1 ? "&" : decodeShifted(text.slice(shift + 1, end)));
    at = end + 1;
  }
  if (!name.isWellFormed() || encodeMailboxName(name) !== text) return undefined;
  return name.normalize("NFC");
}

function decodeShifted(base64: string): string {
  const bytes = Buffer.from(base64.replaceAll(",", "/"), "base64");
  return bytes
    .subarray(0, bytes.length & ~1)
    .swap16()
    .toString("utf16le");
}
