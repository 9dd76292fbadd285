import type { TenantId } from "@mailfold/kernel";
import {
  type TokenChange,
  type TokenCounts,
  type TokenStore,
  type TokenStoreLimits,
  tokensAfterEviction,
} from "./token-store.ts";

interface StoredToken {
  spam: number;
  ham: number;
  lastDay: number;
}

interface TenantTokens {
  messages: { spam: number; ham: number };
  tokens: Map<number, StoredToken>;
}

/** Token counts in memory: tests, reports and simulations. */
export function createMemoryTokenStore(limits: TokenStoreLimits): TokenStore {
  const tenants = new Map<TenantId, TenantTokens>();
  return {
    async read(tenantId, keys) {
      const tenant = tenants.get(tenantId);
      const counts = new Map<number, TokenCounts>();
      for (const key of keys) {
        const token = tenant?.tokens.get(key);
        if (token !== undefined) counts.set(key, { spam: token.spam, ham: token.ham });
      }
      return { messages: { spam: 0, ham: 0, ...tenant?.messages }, counts };
    },
    async apply(tenantId, changes) {
      const tenant = tenants.get(tenantId) ?? { messages: { spam: 0, ham: 0 }, tokens: new Map() };
      tenants.set(tenantId, tenant);
      for (const change of changes) applyChange(tenant, change);
      if (tenant.tokens.size > limits.tokensMax) evict(tenant, tokensAfterEviction(limits));
    },
    async expire(beforeDay, limit) {
      let removed = 0;
      for (const tenant of tenants.values()) {
        for (const [key, token] of tenant.tokens) {
          if (removed >= limit) return removed;
          if (token.lastDay < beforeDay) removed += tenant.tokens.delete(key) ? 1 : 0;
        }
      }
      return removed;
    },
    size: async (tenantId) => tenants.get(tenantId)?.tokens.size ?? 0,
    async forget(tenantId) {
      tenants.delete(tenantId);
    },
    async close() {
      tenants.clear();
    },
  };
}

function applyChange(tenant: TenantTokens, { kind, by, keys, day }: TokenChange): void {
  tenant.messages[kind] = Math.max(0, tenant.messages[kind] + by);
  for (const key of keys) {
    const token = tenant.tokens.get(key);
    if (token === undefined) {
      if (by > 0) tenant.tokens.set(key, { spam: 0, ham: 0, lastDay: day, [kind]: 1 });
      continue;
    }
    token[kind] = Math.max(0, token[kind] + by);
    if (by > 0) token.lastDay = Math.max(token.lastDay, day);
    if (token.spam + token.ham === 0) tenant.tokens.delete(key);
  }
}

/** Least useful = seen least often, then longest ago, then by key, so that every adapter agrees. */
function evict(tenant: TenantTokens, keep: number): void {
  const order = [...tenant.tokens].sort(
    ([keyA, a], [keyB, b]) => a.spam + a.ham - (b.spam + b.ham) || a.lastDay - b.lastDay || keyA - keyB,
  );
  for (const [key] of order.slice(0, order.length - keep)) tenant.tokens.delete(key);
}
