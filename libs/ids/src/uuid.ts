import { createHmac, hash, randomFillSync } from "node:crypto";

// Random bytes are drawn in bulk: one system call serves 256 ids on the mail path.
const pool = Buffer.alloc(4_096);
let poolUsed = pool.length;

/**
 * A maker of UUIDv7s (RFC 9562 5.7), each greater than the one before: the 12 bits of rand_a count up inside a
 * millisecond (RFC 9562 6.2 method 1), and a clock that steps back keeps the last instant. `now` answers ms since the epoch.
 */
export function createUuidV7(now: () => number): () => string {
  const next = createUuidV7Bytes(now);
  return () => formatUuid(next());
}

function createUuidV7Bytes(now: () => number): () => Buffer {
  let lastAtMs = 0;
  let sequence = 0;
  return () => {
    const random = takeRandom(10);
    const nowMs = now();
    if (nowMs > lastAtMs) {
      lastAtMs = nowMs;
      // The top bit starts clear, so that a millisecond has room for at least 2,048 ids.
      sequence = random.readUInt16BE(0) & 0x7ff;
    } else {
      sequence += 1;
      if (sequence > 0xfff) {
        lastAtMs += 1;
        sequence = 0;
      }
    }
    const bytes = Buffer.allocUnsafe(16);
    bytes.writeUIntBE(lastAtMs, 0, 6);
    bytes.writeUInt16BE(0x7000 | sequence, 6);
    random.copy(bytes, 8, 2, 10);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes;
  };
}

/** The 16 bytes of a UUIDv7 of this moment; within this process each is greater than the one before. */
export const uuidV7Bytes: () => Buffer = createUuidV7Bytes(Date.now);

/** A UUIDv7 of this moment, in text; of the same sequence as uuidV7Bytes. */
export function uuidV7(): string {
  return formatUuid(uuidV7Bytes());
}

/** A UUIDv5 (RFC 9562 5.5): the same name under the same namespace UUID is the same id, everywhere and always. */
export function uuidV5(namespace: string, name: string): string {
  const named = Buffer.concat([uuidBytes(namespace), Buffer.from(name, "utf8")]);
  return formatUuid(stamp(hash("sha1", named, "buffer"), 5));
}

/**
 * A UUIDv8 (RFC 9562 5.8) from HMAC-SHA-256 over the parts: who lacks the secret can neither guess nor recompute it.
 * Parts are length-prefixed, so that ("ab","c") and ("a","bc") differ.
 */
export function deriveUuid(secret: Uint8Array, ...parts: readonly string[]): string {
  const hmac = createHmac("sha256", secret);
  for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part, "utf8");
  return formatUuid(stamp(hmac.digest(), 8));
}

/** The 16 bytes of a UUID in its 36-character text form; throws on any other text (a bug: input is parsed before). */
export function uuidBytes(uuid: string): Buffer {
  if (!isUuid(uuid)) throw new Error(`not a UUID: ${JSON.stringify(uuid).slice(0, 60)}`);
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

/** Whether a text is a UUID of any version in the 36-character form. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** Lower-case text form of 16 bytes. */
export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString("hex", 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function stamp(digest: Buffer, version: number): Buffer {
  const bytes = digest.subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | (version << 4), 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes;
}

function takeRandom(length: number): Buffer {
  if (poolUsed + length > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const taken = pool.subarray(poolUsed, poolUsed + length);
  poolUsed += length;
  return taken;
}
