import type { EventStore } from "@mailfold/event-store";
import type { Position, RecordedEvent, Row } from "@mailfold/kernel";
import { auditTrail } from "@mailfold/projection-audit-trail";
import type { ReadStore } from "@mailfold/read-store";
import type { Caller } from "../caller.ts";
import type { FeedWhere } from "../feed/feed-protocol.ts";
import { admits, feedFilter } from "../feed/feed-scope.ts";
import type { OperationDeps } from "../ports.ts";
import { loadEvent } from "./find-event.ts";

/** Events that one page may look at in the log itself; a page that found less goes on from its end. */
const scannedMax = 20_000;

export interface AuditPageQuery {
  /** Exclusive. */
  readonly after: Position;
  readonly where: FeedWhere;
  readonly first: number;
}
export interface AuditPage {
  readonly found: readonly RecordedEvent[];
  /** Where the next page goes on. */
  readonly end: Position;
  readonly more: boolean;
}

/** One page of a caller's events: from the audit trail's rows, or from the log when other types are asked for. */
export async function readAuditPage(
  deps: Pick<OperationDeps, "rows" | "journal">,
  caller: Caller,
  query: AuditPageQuery,
): Promise<AuditPage> {
  const { types } = query.where;
  const audited = types === undefined || types.every((type) => auditTrail.handles.includes(type));
  return audited ? readRows(deps, caller, query) : scanLog(deps.journal.events, caller, query);
}

async function readRows(
  deps: Pick<OperationDeps, "rows" | "journal">,
  caller: Caller,
  query: AuditPageQuery,
): Promise<AuditPage> {
  const { after, where, first } = query;
  const pages: Row[] = [];
  for (const type of where.types === undefined ? [undefined] : new Set(where.types)) {
    pages.push(...(await selectRows(deps.rows, caller, { ...query, type })));
  }
  pages.sort((a, b) => (String(a.position) < String(b.position) ? -1 : 1));
  const rows = pages.slice(0, first);
  const found: RecordedEvent[] = [];
  for (const row of rows) {
    const event = await loadEvent(deps.journal.events, { stream: String(row.stream), revision: Number(row.revision) });
    if (event !== undefined && admits(caller, where, event)) found.push(event);
  }
  const end = (rows.at(-1)?.position ?? after) as Position;
  return { found, end, more: pages.length > first };
}

function selectRows(
  rows: ReadStore,
  caller: Caller,
  { after, where, first, type }: AuditPageQuery & { readonly type: string | undefined },
): Promise<readonly Row[]> {
  const { scope } = caller;
  const equal = {
    ...(scope.kind === "tenant" ? { tenantId: scope.id } : {}),
    ...(scope.kind === "reseller" ? { resellerId: scope.id } : {}),
    ...(where.tenant === undefined || scope.kind === "tenant" ? {} : { tenantId: where.tenant }),
    ...(where.actor === undefined ? {} : { actorId: where.actor }),
    ...(where.outcome === undefined ? {} : { outcome: where.outcome }),
    ...(type === undefined ? {} : { type }),
  };
  const and = [["position", ">", after] as const];
  return rows.selectAsync(auditTrail, "entries", { where: equal, and, orderBy: ["position"], limit: first + 1 });
}

async function scanLog(store: EventStore, caller: Caller, { after, where, first }: AuditPageQuery): Promise<AuditPage> {
  const found: RecordedEvent[] = [];
  let end = after;
  let scanned = 0;
  for await (const event of store.readAll({ after, filter: feedFilter(where), limit: scannedMax })) {
    scanned += 1;
    if (admits(caller, where, event)) {
      if (found.length === first) return { found, end, more: true };
      found.push(event);
    }
    end = event.position;
  }
  return { found, end, more: scanned === scannedMax };
}
