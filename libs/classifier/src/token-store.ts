import type { TenantId } from "@mailfold/kernel";
/** How often something was seen in trained mail: never negative. */
export interface TokenCounts {
  readonly spam: number;
  readonly ham: number;
}

/** What a tenant's store knows: messages trained, and the counts of the keys asked for; unknown keys are absent. */
export interface TokenReading {
  readonly messages: TokenCounts;
  readonly counts: ReadonlyMap<number, TokenCounts>;
}

/** One message trained (+1) or taken back (-1). Counts end at 0. */
export interface TokenChange {
  readonly kind: "spam" | "ham";
  readonly by: 1 | -1;
  /** Distinct token keys. */
  readonly keys: readonly number[];
  /** Days since 1970-01-01: tokens are last seen on the newest day they were trained on. */
  readonly day: number;
}

/** Bounds of a store. */
export interface TokenStoreLimits {
  /** Most tokens kept of one tenant; beyond it the least useful tenth goes. */
  readonly tokensMax: number;
}

/**
 * Where token counts are kept, by tenant. Keys are `tokenKey`s: the store holds no words. Every call is one
 * transaction. Faults (a full disk, a broken file) throw.
 */
export interface TokenStore {
  read(tenantId: TenantId, keys: readonly number[]): Promise<TokenReading>;
  /** Applies changes in order; all of them or none. */
  apply(tenantId: TenantId, changes: readonly TokenChange[]): Promise<void>;
  /** Removes at most `limit` tokens that no training has touched since before `beforeDay`; answers how many went. */
  expire(beforeDay: number, limit: number): Promise<number>;
  /** Tokens kept of a tenant. */
  size(tenantId: TenantId): Promise<number>;
  /** Removes all that was learned from a tenant's mail. */
  forget(tenantId: TenantId): Promise<void>;
  close(): Promise<void>;
}

/** Tokens of one tenant when nothing else is said: about 4 MB of file. */
export const defaultTokensMax = 100_000;

/** How many tokens stay after a tenant has outgrown its limit. */
export function tokensAfterEviction(limits: TokenStoreLimits): number {
  return Math.floor(limits.tokensMax * 0.9);
}

/**
 * A token as stored: 53 bits of a fixed hash, exact in a JavaScript number and in SQLite. 100,000 tokens collide with a
 * chance below one in a million; a collision would add two tokens' counts.
 */
export function tokenKey(token: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < token.length; at += 1) {
    const code = token.charCodeAt(at);
    high = Math.imul(high ^ code, 0x9e3779b1);
    low = Math.imul(low ^ code, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0);
}
