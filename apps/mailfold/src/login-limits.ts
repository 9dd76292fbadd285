/** Counts failed logins in sliding windows, shared by every protocol. Bounded: the least recently failed is forgotten first. */
export interface LoginLimits {
  /** Seconds to wait when the key has failed too often; undefined = may try. */
  blockedFor(key: string, now: number): number | undefined;
  failed(key: string, now: number): void;
  /** A success forgives the account's own failures, never an IP's. */
  forgive(key: string): void;
}

export interface LoginLimit {
  readonly failuresMax: number;
  readonly windowMs: number;
  /** Most keys remembered. */
  readonly keysMax: number;
}

/** Token-bucket shape: failures leak away over the window, so memory per key is two numbers. */
export function createLoginLimits(limit: LoginLimit): LoginLimits {
  const buckets = new Map<string, { level: number; at: number }>();
  const leakPerMs = limit.failuresMax / limit.windowMs;
  const levelAt = (key: string, now: number) => {
    const bucket = buckets.get(key);
    return bucket === undefined ? 0 : Math.max(0, bucket.level - Math.max(0, now - bucket.at) * leakPerMs);
  };
  return {
    blockedFor(key, now) {
      const level = levelAt(key, now);
      if (level < limit.failuresMax) return undefined;
      return Math.max(1, Math.ceil((level - limit.failuresMax + 1) / leakPerMs / 1_000));
    },
    failed(key, now) {
      const level = levelAt(key, now);
      buckets.delete(key);
      if (buckets.size >= limit.keysMax) buckets.delete(buckets.keys().next().value ?? "");
      buckets.set(key, { level: Math.min(level + 1, limit.failuresMax + 1), at: now });
    },
    forgive(key) {
      buckets.delete(key);
    },
  };
}
