import { createHmac, randomBytes } from "node:crypto";

/** Remembers, for a short time, which passwords were right: mail clients log in every few minutes, over and over. */
export interface VerifiedCache {
  /** Key of one (verifier, password) pair: an HMAC under a key that lives only in this process. */
  keyOf(phc: string, password: string): string;
  has(key: string): boolean;
  add(key: string): void;
}

/** `now` answers ms of a clock that never steps back. A new password is a new verifier, hence another key. */
export function createVerifiedCache(options: {
  readonly entriesMax: number;
  readonly lifetimeMs: number;
  readonly now: () => number;
}): VerifiedCache {
  const { entriesMax, lifetimeMs, now } = options;
  const secret = randomBytes(32);
  const validUntil = new Map<string, number>();
  return {
    keyOf: (phc, password) => createHmac("sha256", secret).update(`${phc}\n${password}`).digest("base64"),
    has(key) {
      const until = validUntil.get(key);
      if (until === undefined) return false;
      if (until > now()) return true;
      validUntil.delete(key);
      return false;
    },
    add(key) {
      // Oldest first out: insertion order is order of expiry, for all live equally long.
      validUntil.delete(key);
      for (const [oldest, until] of validUntil) {
        if (until > now() && validUntil.size < entriesMax) break;
        validUntil.delete(oldest);
      }
      validUntil.set(key, now() + lifetimeMs);
    },
  };
}
