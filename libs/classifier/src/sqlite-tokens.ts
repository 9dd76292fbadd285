import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { TenantId } from "@mailfold/kernel";
import {
  type TokenChange,
  type TokenCounts,
  type TokenReading,
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
  tenants: "SELECT id FROM tenants ORDER BY id",
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

/** Opens a SQLite file of token counts (0600), made when missing. Commits are not fsynced one by one. */
export function openTokenDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY",
    );
    db.exec(schema);
    if (path !== ":memory:") chmodSync(path, 0o600);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/** Work in one write transaction; a throw undoes it. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
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

/** Reads and changes token counts on a connection; what changes them belongs inside a transaction of the caller's. */
export class SqliteTokens {
  readonly #sql: Statements;
  readonly #limits: TokenStoreLimits;

  constructor(db: DatabaseSync, limits: TokenStoreLimits) {
    this.#limits = limits;
    this.#sql = Object.fromEntries(
      Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)]),
    ) as unknown as Statements;
  }

  read(tenantId: TenantId, keys: readonly number[]): TokenReading {
    const tenant = this.#tenant(tenantId);
    const counts = new Map<number, TokenCounts>();
    if (tenant === undefined) return { messages: { spam: 0, ham: 0 }, counts };
    for (const row of this.#sql.read.all(tenant.tenant, JSON.stringify(keys))) {
      counts.set(Number(row.key), { spam: Number(row.spam), ham: Number(row.ham) });
    }
    return { messages: { spam: tenant.spam, ham: tenant.ham }, counts };
  }

  apply(tenantId: TenantId, changes: readonly TokenChange[]): void {
    this.#sql.addTenant.run(tenantId);
    const tenant = this.#tenant(tenantId);
    if (tenant === undefined) throw new Error("a tenant just added is not there");
    for (const change of changes) this.#applyChange(tenant.tenant, change);
    this.#keepWithin(tenant, changes);
  }

  expire(beforeDay: number, limit: number): number {
    const removed = new Map<number, number>();
    const rows = this.#sql.expire.all(beforeDay, limit);
    for (const row of rows) removed.set(Number(row.tenant), (removed.get(Number(row.tenant)) ?? 0) + 1);
    for (const [tenant, tokens] of removed) this.#sql.lower.run(tenant, tokens);
    return rows.length;
  }

  size(tenantId: TenantId): number {
    const tenant = this.#tenant(tenantId);
    return tenant === undefined ? 0 : this.#count(tenant.tenant);
  }

  /** Tenants with anything learned. */
  tenants(): readonly TenantId[] {
    return this.#sql.tenants.all().map(({ id }) => id as TenantId);
  }

  forget(tenantId: TenantId): void {
    const tenant = this.#tenant(tenantId);
    if (tenant === undefined) return;
    this.#sql.forgetTokens.run(tenant.tenant);
    this.#sql.forgetTenant.run(tenant.tenant);
  }

  #tenant(id: TenantId): TenantRow | undefined {
    return this.#sql.tenant.get(id) as unknown as TenantRow | undefined;
  }

  #applyChange(tenant: number, { kind, by, keys, day }: TokenChange): void {
    const spam = kind === "spam" ? 1 : 0;
    const list = JSON.stringify(keys);
    this.#sql.messages.run(tenant, by * spam, by * (1 - spam));
    if (by > 0) this.#sql.train.run(tenant, list, spam, 1 - spam, day);
    else {
      this.#sql.untrain.run(tenant, list, spam, 1 - spam);
      this.#sql.prune.run(tenant, list);
    }
  }

  /** The stored count is an upper bound, so that most changes need no counting. */
  #keepWithin(tenant: TenantRow, changes: readonly TokenChange[]): void {
    const { tokensMax } = this.#limits;
    let bound = tenant.tokens;
    for (const change of changes) if (change.by > 0) bound += change.keys.length;
    if (bound > tokensMax) {
      bound = this.#count(tenant.tenant);
      const keep = tokensAfterEviction(this.#limits);
      if (bound > tokensMax) {
        this.#sql.evict.run(tenant.tenant, bound - keep);
        bound = keep;
      }
    }
    this.#sql.setCount.run(tenant.tenant, bound);
  }

  #count(tenant: number): number {
    return Number(this.#sql.count.get(tenant)?.tokens);
  }
}
