/** Longest SASL line, octets (RFC 4954 4). */
export const saslLineMax = 12_288;

/**
 * Base64 as RFC 4648 4 writes it, or undefined: padded, no other characters (3.3), no stray bits in the last one (3.5).
 * Two spellings of one secret would be two secrets to a rate limiter or a log.
 */
export function decodeStrictBase64(text: string): Buffer | undefined {
  if (text.length > saslLineMax || text.length % 4 !== 0) return undefined;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** Bytes as UTF-8 text, or undefined when they are not UTF-8 (a BOM is a character here). */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
