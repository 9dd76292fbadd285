import { argon2Sync, timingSafeEqual } from "node:crypto";
import type { Argon2Cost, Verifier } from "./phc-string.ts";

// Runs in a worker thread: the synchronous call keeps the work on this thread, off the shared libuv pool.

/** Argon2id (RFC 9106) of a password. */
export function derive(task: {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly tagBytes: number;
  readonly cost: Argon2Cost;
}): Uint8Array {
  return argon2Sync("argon2id", {
    message: Buffer.from(task.password, "utf8"),
    nonce: task.salt,
    parallelism: task.cost.lanes,
    memory: task.cost.memoryKib,
    passes: task.cost.passes,
    tagLength: task.tagBytes,
  });
}

/** Whether the password is the verifier's. */
export function check(task: { readonly password: string; readonly verifier: Verifier }): boolean {
  const { password, verifier } = task;
  const tag = derive({ password, salt: verifier.salt, tagBytes: verifier.tag.length, cost: verifier });
  return timingSafeEqual(tag, verifier.tag);
}
