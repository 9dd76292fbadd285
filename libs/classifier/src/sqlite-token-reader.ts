import { DatabaseSync } from "node:sqlite";
import type { TenantId } from "@mailfold/kernel";
import { SqliteTokens } from "./sqlite-tokens.ts";
import { defaultTokensMax, type TokenReading } from "./token-store.ts";

/** Reads token counts beside their writer, on the calling thread. */
export interface TokenReader {
  read(tenantId: TenantId, keys: readonly number[]): TokenReading;
  close(): void;
}

/** Opens a file that openMarkStore or openSqliteTokenStore made. Throws when there is none, or it is broken. */
export function openTokenReader(path: string): TokenReader {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 100 });
  try {
    const tokens = new SqliteTokens(db, { tokensMax: defaultTokensMax });
    return { read: (tenantId, keys) => tokens.read(tenantId, keys), close: () => db.close() };
  } catch (error) {
    db.close();
    throw error;
  }
}
