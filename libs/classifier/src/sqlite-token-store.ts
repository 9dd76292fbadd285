import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { TenantId } from "@mailfold/kernel";
import {
  type TokenChange,
  type TokenCounts,
  type TokenStore,
  type TokenStoreLimits,
  tokensAfterEviction,
} from "./token-store.ts";

const schema = `
CREATE TABLE IF NOT EXISTS tenants (
  tenant INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, spam INTEGER NOT NULL DEFAULT 0, ham INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS tokens (
  tenant INTEGER NOT NULL, key INTEGER NOT NULL, spam INTEGER NOT NULL, ham INTEGER NOT NULL, last_day INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_by_day ON tokens (last_day);
PRAGMA user_version = 1;`;

const statements = {
  tenant: "SELECT tenant, spam, ham, tokens FROM tenants WHERE id = ?",
  addTenant: "INSERT INTO tenants (id) VALUES (?) ON CONFLICT DO NOTHING",
  read: "SELECT key, spam, ham FROM tokens WHERE tenant = ? AND key IN (SELECT value FROM json_each(?))",
  train: `INSERT INTO tokens (tenant, key, spam, ham, last_day) SELECT ?1, value, ?3, ?4, ?5 FROM json_each(?2) WHERE true
    ON CONFLICT DO UPDATE SET spam = spam + excluded.spam, ham = ham + excluded.ham,
    last_day = max(last_day, excluded.last_day)`,
  untrain: `UPDATE tokens SET spam = max(0, spam - ?3), ham = max(0, ham - ?4)
    WHERE tenant = ?1 AND key IN (SELECT value FROM json_each(?2))`,
  prune: "DELETE FROM tokens WHERE tenant = ?1 AND spam + ham = 0 AND key IN (SELECT value FROM json_each(?2))",
  messages: "UPDATE tenants SET spam = max(0, spam + ?2), ham = max(0, ham + ?3) WHERE tenant = ?1",
  count: "SELECT count(*) AS tokens FROM tokens WHERE tenant = ?",
  setCount: "UPDATE tenants SET tokens = ?2 WHERE tenant = ?1",
  evict: `DELETE FROM tokens WHERE tenant = ?1 AND key IN
    (SELECT key FROM tokens WHERE tenant = ?1 ORDER BY spam + ham, last_day, key LIMIT ?2)`,
  expire: `DELETE FROM tokens WHERE (tenant, key) IN (SELECT tenant, key FROM tokens WHERE last_day < ?1 ORDER BY last_day LIMIT ?2)
    RETURNING tenant`,
  lower: "UPDATE tenants SET tokens = tokens - ?2 WHERE tenant = ?1",
  forgetTokens: "DELETE FROM tokens WHERE tenant = ?",
  forgetTenant: "DELETE FROM tenants WHERE tenant = ?",
} as const;

type Statements = { readonly [Name in keyof typeof statements]: ReturnType<DatabaseSync["prepare"]> };
interface TenantRow {
  readonly tenant: number;
  readonly spam: number;
  readonly ham: number;
  readonly tokens: number;
}

/**
 * Token counts of all tenants in one SQLite file (0600), owned by one process. What is learned can be learned again
 * from recorded marks, so commits are not fsynced one by one. Work is done on the calling thread: reading takes well below a millisecond for an
 * ordinary message, but an eviction or expiry can take hundreds, so that training belongs in a worker with a store of its own
 * on the same file (WAL: readers are not held up).
 */
export function openSqliteTokenStore(path: string, limits: TokenStoreLimits): TokenStore {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  db.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY",
  );
  db.exec(schema);
  if (path !== ":memory:") chmodSync(path, 0o600);
  const prepared = Object.fromEntries(
    Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)]),
  ) as unknown as Statements;
  const tenantOf = (id: TenantId): TenantRow | undefined => prepared.tenant.get(id) as unknown as TenantRow | undefined;
  return {
    async read(tenantId, keys) {
      const tenant = tenantOf(tenantId);
      const counts = new Map<number, TokenCounts>();
      if (tenant === undefined) return { messages: { spam: 0, ham: 0 }, counts };
      for (const row of prepared.read.all(tenant.tenant, JSON.stringify(keys))) {
        counts.set(Number(row.key), { spam: Number(row.spam), ham: Number(row.ham) });
      }
      return { messages: { spam: tenant.spam, ham: tenant.ham }, counts };
    },
    async apply(tenantId, changes) {
      transaction(db, () => {
        prepared.addTenant.run(tenantId);
        const tenant = tenantOf(tenantId);
        if (tenant === undefined) throw new Error("a tenant just added is not there");
        for (const change of changes) applyChange(prepared, tenant.tenant, change);
        keepWithin(prepared, tenant, changes, limits);
      });
    },
    async expire(beforeDay, limit) {
      return transaction(db, () => {
        const removed = new Map<number, number>();
        const rows = prepared.expire.all(beforeDay, limit);
        for (const row of rows) removed.set(Number(row.tenant), (removed.get(Number(row.tenant)) ?? 0) + 1);
        for (const [tenant, tokens] of removed) prepared.lower.run(tenant, tokens);
        return rows.length;
      });
    },
    async size(tenantId) {
      const tenant = tenantOf(tenantId);
      return tenant === undefined ? 0 : countTokens(prepared, tenant.tenant);
    },
    async forget(tenantId) {
      transaction(db, () => {
        const tenant = tenantOf(tenantId);
        if (tenant === undefined) return;
        prepared.forgetTokens.run(tenant.tenant);
        prepared.forgetTenant.run(tenant.tenant);
      });
    },
    async close() {
      db.close();
    },
  };
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function applyChange(prepared: Statements, tenant: number, { kind, by, keys, day }: TokenChange): void {
  const spam = kind === "spam" ? 1 : 0;
  const list = JSON.stringify(keys);
  prepared.messages.run(tenant, by * spam, by * (1 - spam));
  if (by > 0) prepared.train.run(tenant, list, spam, 1 - spam, day);
  else {
    prepared.untrain.run(tenant, list, spam, 1 - spam);
    prepared.prune.run(tenant, list);
  }
}

/** The stored count is an upper bound, so that most changes need no counting. */
function keepWithin(
  prepared: Statements,
  tenant: TenantRow,
  changes: readonly TokenChange[],
  limits: TokenStoreLimits,
): void {
  let bound = tenant.tokens;
  for (const change of changes) if (change.by > 0) bound += change.keys.length;
  if (bound > limits.tokensMax) {
    bound = countTokens(prepared, tenant.tenant);
    const keep = tokensAfterEviction(limits);
    if (bound > limits.tokensMax) {
      prepared.evict.run(tenant.tenant, bound - keep);
      bound = keep;
    }
  }
  prepared.setCount.run(tenant.tenant, bound);
}

function countTokens(prepared: Statements, tenant: number): number {
  return Number(prepared.count.get(tenant)?.tokens);
}
