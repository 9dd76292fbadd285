import type { EventStore } from "@mailfold/event-store";
import type { Position, Row } from "@mailfold/kernel";
import { messageTrace } from "@mailfold/projection-message-trace";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import { type Caller, mayReach } from "../caller.ts";
import { belongingOfRow, type VerdictRecord, verdictOfRow } from "./verdict-records.ts";

/** What a list of verdicts is narrowed to; all members must match. */
export interface VerdictWhere {
  readonly tenantId?: string;
  readonly transactionId?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly sender?: string;
  readonly recipient?: string;
  readonly ip?: string;
  readonly messageId?: string;
  /** Milliseconds since the epoch, inclusive. */
  readonly from?: number;
  readonly to?: number;
}

interface PageWanted {
  readonly first: number;
  /** Exclusive. */
  readonly before?: Position | undefined;
}

/** At most `first` verdicts; fewer while there are more where the log itself had to be searched. */
export interface VerdictPage {
  readonly found: readonly VerdictRecord[];
  readonly more: boolean;
  /** Where the next page goes on; undefined when nothing was looked at. */
  readonly end: Position | undefined;
}

/** Verdicts of one caller's subtree, newest first. */
export interface Verdicts {
  find(reference: string): VerdictRecord | undefined;
  list(where: VerdictWhere, page: PageWanted): Promise<VerdictPage>;
  /** All rows of one transaction in a table of the trace, oldest first. */
  ofTransaction(table: "verdicts" | "steps" | "holds", transactionId: string): Promise<readonly Row[]>;
  /** The flood that a reference is a sample of. */
  flood(reference: string): Row | undefined;
}

/** Events looked at for one page where no index helps: the platform's own view over all tenants. */
const scannedMax = 20_000;
const rowsPerTransaction = 1_000;

/** Reads the message trace for a caller. */
export function createVerdicts(rows: ReadStore, store: EventStore, caller: Caller): Verdicts {
  const reachable = (row: Row | undefined) =>
    row !== undefined && mayReach(caller, belongingOfRow(row)) ? row : undefined;
  return {
    find(verdictId) {
      const row = reachable(rows.get(messageTrace, "verdicts", { verdictId }));
      return row === undefined ? undefined : verdictOfRow(row);
    },
    async list(where, page) {
      const query = rowQuery(where, indexedWhere(caller, where), { ...page, first: page.first + 1 });
      if (query === undefined) return scanLog(store, where, page);
      const selected = (await rows.selectAsync(messageTrace, "verdicts", query)).filter(
        (row) => reachable(row) !== undefined,
      );
      const found = selected.slice(0, page.first).map(verdictOfRow);
      return { found, more: selected.length > page.first, end: found.at(-1)?.position };
    },
    async ofTransaction(table, transactionId) {
      const found = await rows.selectAsync(messageTrace, table, {
        where: { transactionId },
        orderBy: ["position"],
        limit: rowsPerTransaction,
      });
      return found.filter((row) => reachable(row) !== undefined);
    },
    flood(verdictId) {
      const sample = reachable(rows.get(messageTrace, "flood_samples", { verdictId }));
      if (sample === undefined) return undefined;
      return reachable(rows.get(messageTrace, "floods", { position: sample.floodPosition ?? null }));
    },
  };
}

/** Equality on what an index begins with; undefined where none does. A caller's subtree is always part of it. */
function indexedWhere(caller: Caller, where: VerdictWhere): Row | undefined {
  if (where.transactionId !== undefined) return { transactionId: where.transactionId };
  if (caller.scope.kind === "tenant") {
    const foreign = where.tenantId !== undefined && where.tenantId !== caller.scope.id;
    return { tenantId: foreign ? "" : caller.scope.id };
  }
  if (where.tenantId !== undefined) return { tenantId: where.tenantId };
  return caller.scope.kind === "reseller" ? { resellerId: caller.scope.id } : undefined;
}

/** The members that a row must equal, column by column. */
function equalities({ action, reason, sender, recipient, ip, messageId }: VerdictWhere) {
  return Object.entries({ action, reason, sender, recipient, ip, messageId }).filter(
    (member): member is [string, string] => member[1] !== undefined,
  );
}

/** Whether a verdict is one that was asked for. */
export function matchesVerdict(where: VerdictWhere, row: Row | VerdictRecord): boolean {
  const { from = 0, to = Number.MAX_SAFE_INTEGER } = where;
  const at = Number(row.at);
  return at >= from && at <= to && equalities(where).every(([column, value]) => (row as Row)[column] === value);
}

function rowQuery(where: VerdictWhere, indexed: Row | undefined, page: PageWanted): RowQuery | undefined {
  if (indexed === undefined) return undefined;
  return {
    where: { ...indexed, ...Object.fromEntries(equalities(where)) },
    and: [
      ...(page.before === undefined ? [] : [["position", "<", page.before] as const]),
      ...(where.from === undefined ? [] : [["at", ">=", where.from] as const]),
      ...(where.to === undefined ? [] : [["at", "<=", where.to] as const]),
    ],
    orderBy: ["position"],
    descending: true,
    limit: page.first,
  };
}

async function scanLog(store: EventStore, where: VerdictWhere, page: PageWanted): Promise<VerdictPage> {
  const found: VerdictRecord[] = [];
  let end: Position | undefined;
  let scanned = 0;
  const events = store.readAll({
    direction: "backwards",
    filter: { types: ["VerdictRecorded"] },
    limit: scannedMax,
    ...(page.before === undefined ? {} : { after: page.before }),
  });
  for await (const event of events) {
    scanned += 1;
    const [change] = messageTrace.project(event);
    if (change !== undefined && "put" in change && matchesVerdict(where, change.row)) {
      if (found.length === page.first) return { found, more: true, end };
      found.push(verdictOfRow(change.row));
    }
    end = event.position;
  }
  return { found, more: scanned === scannedMax, end };
}
