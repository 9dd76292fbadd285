import { createHash, hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { BodyRef } from "@mailfold/events";
import { BodyCorrupt } from "./port.ts";

/** Hashed in one go up to here (under a millisecond); larger ones in pieces, with other work between them. */
const pieceBytes = 512 * 1024;

/** SHA-256 of bytes, lower-case hex. */
export async function bodyHash(bytes: Uint8Array): Promise<string> {
  if (bytes.byteLength <= pieceBytes) return hash("sha256", bytes, "hex");
  const running = createHash("sha256");
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    running.update(bytes.subarray(at, at + pieceBytes));
    await nextTurn();
  }
  return running.digest("hex");
}

/**
 * Answers the bytes when they are the body that the reference names.
 * @throws BodyCorrupt
 */
export async function verifiedBody(ref: BodyRef, bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.byteLength !== ref.sizeBytes || (await bodyHash(bytes)) !== ref.sha256) throw new BodyCorrupt(ref);
  return bytes;
}
