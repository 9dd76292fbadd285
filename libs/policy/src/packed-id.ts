const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const values = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
const hex = new Int8Array(128).fill(-1);
for (let i = 0; i < 16; i++) hex["0123456789abcdef".charCodeAt(i)] = i;

/** 128 bits as four 32-bit words at `words[at]`. */
interface Slot {
  readonly words: Uint32Array;
  readonly at: number;
}

/** Packs `sle_` + 26 base32 characters into 16 octets; false (nothing written) when the text is not exactly that. */
export function packEntryId(id: string, { words, at }: Slot): boolean {
  if (id.length !== 30 || !id.startsWith("sle_")) return false;
  const packed = [0, 0, 0, 0];
  for (let i = 4; i < 30; i++) {
    const value = values[id.charCodeAt(i)] ?? -1;
    // 26 characters hold 130 bits: the first may only carry three.
    if (value < 0 || (i === 4 && value > 7)) return false;
    let carry = value;
    for (let w = 3; w >= 0; w--) {
      const word = packed[w] ?? 0;
      packed[w] = ((word << 5) | carry) >>> 0;
      carry = word >>> 27;
    }
  }
  words.set(packed, at);
  return true;
}

/** Text of an id packed by packEntryId. */
export function unpackEntryId({ words, at }: Slot): string {
  const rest = [words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0];
  let text = "";
  for (let i = 0; i < 26; i++) {
    text = alphabet.charAt((rest[3] ?? 0) & 31) + text;
    for (let w = 3; w > 0; w--) rest[w] = (((rest[w] ?? 0) >>> 5) | ((rest[w - 1] ?? 0) << 27)) >>> 0;
    rest[0] = (rest[0] ?? 0) >>> 5;
  }
  return `sle_${text}`;
}

/** Packs a lower-case UUID into 16 octets; false (nothing written) when the text is not exactly that. */
export function packUuid(id: string, { words, at }: Slot): boolean {
  if (id.length !== 36) return false;
  const packed = [0, 0, 0, 0];
  let digits = 0;
  for (let i = 0; i < 36; i++) {
    const code = id.charCodeAt(i);
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (code !== 45) return false;
      continue;
    }
    const digit = hex[code] ?? -1;
    if (digit < 0) return false;
    const word = digits >>> 3;
    packed[word] = (((packed[word] ?? 0) << 4) | digit) >>> 0;
    digits++;
  }
  words.set(packed, at);
  return true;
}

/** Text of a UUID packed by packUuid. */
export function unpackUuid({ words, at }: Slot): string {
  let text = "";
  for (let w = 0; w < 4; w++) text += (words[at + w] ?? 0).toString(16).padStart(8, "0");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}
