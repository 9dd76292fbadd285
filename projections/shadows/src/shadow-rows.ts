import type { Scope, ShadowChange } from "@mailfold/domain";
import type { ResellerId, Row, ShadowId, TenantId } from "@mailfold/kernel";

/** A shadow as its row has it. Times are ms since the epoch. */
export interface ShadowRow {
  readonly shadowId: ShadowId;
  readonly scope: Scope;
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
  /** Undefined once the tenant's key was erased. */
  readonly changes: readonly ShadowChange[] | undefined;
  readonly note: string | null;
  readonly startedAt: number;
  readonly startedBy: string;
  readonly expiresAt: number;
  readonly state: "running" | "promoted" | "dropped";
  readonly endedAt: number | null;
}

/** The shadow of a row of `shadows`. */
export function shadowOf(row: Row): ShadowRow {
  const { scope, scopeKind: kind } = row;
  return {
    shadowId: String(row.shadowId) as ShadowId,
    scope: (kind === "platform" ? { kind } : { kind, id: String(scope) }) as Scope,
    ...(typeof row.tenantId === "string" ? { tenantId: row.tenantId as TenantId } : {}),
    ...(typeof row.resellerId === "string" ? { resellerId: row.resellerId as ResellerId } : {}),
    changes: typeof row.changes === "string" ? (JSON.parse(row.changes) as readonly ShadowChange[]) : undefined,
    note: typeof row.note === "string" ? row.note : null,
    startedAt: Number(row.startedAt),
    startedBy: String(row.startedBy),
    expiresAt: Number(row.expiresAt),
    state: row.state as ShadowRow["state"],
    endedAt: typeof row.endedAt === "number" ? row.endedAt : null,
  };
}
