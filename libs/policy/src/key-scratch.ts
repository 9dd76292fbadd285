import { type IpAddress, type IpPrefix, maskWord } from "./ip-address.ts";

/** A reusable buffer in which a lookup writes the key it asks for, so that the hot path allocates nothing. */
export interface KeyScratch {
  readonly bytes: Uint8Array;
  length: number;
}

/** 4 or 16 octets of an address's network of `prefixLength` bits. */
export function writeIpKey(scratch: KeyScratch, ip: IpAddress, prefixLength: number): void {
  writeWord(scratch.bytes, 0, maskWord(ip.a, prefixLength));
  if (ip.family === 4) {
    scratch.length = 4;
    return;
  }
  writeWord(scratch.bytes, 4, maskWord(ip.b, prefixLength - 32));
  writeWord(scratch.bytes, 8, maskWord(ip.c, prefixLength - 64));
  writeWord(scratch.bytes, 12, maskWord(ip.d, prefixLength - 96));
  scratch.length = 16;
}

/** The network written by writeIpKey. */
export function readIpKey(key: Uint8Array, length: number): IpPrefix {
  const word = (at: number): number =>
    (((key[at] ?? 0) << 24) | ((key[at + 1] ?? 0) << 16) | ((key[at + 2] ?? 0) << 8) | (key[at + 3] ?? 0)) >>> 0;
  if (key.length === 4) return { family: 4, a: word(0), b: 0, c: 0, d: 0, length };
  return { family: 6, a: word(0), b: word(4), c: word(8), d: word(12), length };
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

const encoder = new TextEncoder();

/** UTF-8 octets of text from index `from`; text too long for the buffer becomes the empty key, which no entry has. */
export function writeTextKey(scratch: KeyScratch, text: string, from: number): void {
  const length = text.length - from;
  if (length > scratch.bytes.length) {
    scratch.length = 0;
    return;
  }
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(from + i);
    if (code > 127) {
      const { read, written } = encoder.encodeInto(text.slice(from), scratch.bytes);
      scratch.length = read === length ? written : 0;
      return;
    }
    scratch.bytes[i] = code;
  }
  scratch.length = length;
}

/** 32-bit hash of (scope, kind, prefix length, key): FNV-1a over the octets with a finaliser, so that high bits spread too. */
export function hashKey(scratch: KeyScratch, seed: number): number {
  let hash = (0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)) >>> 0;
  const { bytes, length } = scratch;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
