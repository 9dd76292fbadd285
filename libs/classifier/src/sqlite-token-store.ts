import { inTransaction, openTokenDatabase, SqliteTokens } from "./sqlite-tokens.ts";
import type { TokenStore, TokenStoreLimits } from "./token-store.ts";

/**
 * Token counts of all tenants in one SQLite file (0600), owned by one process. What is learned can be learned again
 * from recorded marks, so commits are not fsynced one by one. Work is done on the calling thread: reading takes well below a millisecond for an
 * ordinary message, but an eviction or expiry can take hundreds, so that training belongs in a worker with a store of its own
 * on the same file (WAL: readers are not held up).
 */
export function openSqliteTokenStore(path: string, limits: TokenStoreLimits): TokenStore {
  const db = openTokenDatabase(path);
  const tokens = new SqliteTokens(db, limits);
  return {
    read: async (tenantId, keys) => tokens.read(tenantId, keys),
    apply: async (tenantId, changes) => inTransaction(db, () => tokens.apply(tenantId, changes)),
    expire: async (beforeDay, limit) => inTransaction(db, () => tokens.expire(beforeDay, limit)),
    size: async (tenantId) => tokens.size(tenantId),
    forget: async (tenantId) => inTransaction(db, () => tokens.forget(tenantId)),
    close: async () => db.close(),
  };
}
