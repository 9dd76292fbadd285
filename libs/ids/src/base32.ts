// Crockford's alphabet, lower case: no i, l, o, u, so that an id survives being read aloud.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
/** Two characters for each 10 bits. */
const pairs = Array.from({ length: 1_024 }, (_, value) => `${alphabet[value >> 5]}${alphabet[value & 31]}`);
const valuesByCode = Int8Array.from({ length: 128 }, (_, code) => alphabet.indexOf(String.fromCharCode(code)));

/** Characters of 128 bits in base32: 26 * 5 = 130 bits, the two highest always zero. */
const base32Length = 26;

/** 16 bytes as 26 characters that sort as the bytes do. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 2;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    if (bits >= 10) {
      bits -= 10;
      text += pairs[(buffer >>> bits) & 1_023];
    }
    buffer &= (1 << bits) - 1;
  }
  return text;
}

/** The 16 bytes of 26 characters; undefined for any other text, upper case included: an id has one spelling. */
export function decodeBase32(text: string): Buffer | undefined {
  if (text.length !== base32Length) return undefined;
  const bytes = Buffer.alloc(16);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < base32Length; index += 1) {
    const value = valuesByCode[text.charCodeAt(index)] ?? -1;
    if (value < 0) return undefined;
    if (index === 0) {
      if (value > 7) return undefined;
      buffer = value;
      bits = 3;
      continue;
    }
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (buffer >>> bits) & 255;
      at += 1;
    }
    buffer &= (1 << bits) - 1;
  }
  return bytes;
}
