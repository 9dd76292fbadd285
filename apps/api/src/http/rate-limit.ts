import type { Clock } from "@mailfold/kernel";

const keysMax = 10_000;

/** Token buckets by key; the least recently seen key is forgotten beyond 10,000. */
export interface RateLimit {
  /** Takes one; undefined = allowed, else the seconds to wait. */
  take(key: string): number | undefined;
}

/** `perSecond` refill up to `burst`. */
export function createRateLimit(clock: Clock, perSecond: number, burst: number): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(key) {
      const now = clock.now();
      const bucket = buckets.get(key) ?? { left: burst, at: now };
      buckets.delete(key);
      buckets.set(key, bucket);
      const oldest = buckets.keys().next().value;
      if (buckets.size > keysMax && oldest !== undefined) buckets.delete(oldest);
      bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1_000) * perSecond);
      bucket.at = now;
      if (bucket.left < 1) return Math.max(1, Math.ceil((1 - bucket.left) / perSecond));
      bucket.left -= 1;
      return undefined;
    },
  };
}
