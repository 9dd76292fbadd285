import type { EventStore } from "@mailfold/event-store";
import type { Position, ResellerId, Row, TenantId } from "@mailfold/kernel";
import { messageTrace } from "@mailfold/projection-message-trace";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import { type Caller, mayReach } from "../caller.ts";
import { belongingOfRow, type VerdictRecord, verdictOfRow, verdictToldToSender } from "./verdict-records.ts";

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

/**
 * Verdicts of one caller's subtree, newest first. Those on mail that a login of the subtree sent to others are not of it: they
 * are found as the sender was told them, by what is called `told` here.
 */
export interface Verdicts {
  find(reference: string): VerdictRecord | undefined;
  /** Also of mail that the subtree sent, as its sender was told. */
  findTold(reference: string): VerdictRecord | undefined;
  /** All verdicts of one transaction, oldest first; also of mail that the subtree sent, as its sender was told. */
  toldInTransaction(transactionId: string): Promise<readonly VerdictRecord[]>;
  /** Also of mail that the subtree sent, unless it is narrowed to an action or a reason. */
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
  const told = (row: Row): VerdictRecord | undefined => {
    if (reachable(row) !== undefined) return verdictOfRow(row);
    return mayReach(caller, senderOfRow(row)) ? verdictToldToSender(row) : undefined;
  };
  return {
    find(verdictId) {
      const row = reachable(rows.get(messageTrace, "verdicts", { verdictId }));
      return row === undefined ? undefined : verdictOfRow(row);
    },
    findTold(verdictId) {
      const row = rows.get(messageTrace, "verdicts", { verdictId });
      return row === undefined ? undefined : told(row);
    },
    async toldInTransaction(transactionId) {
      const query: RowQuery = { where: { transactionId }, orderBy: ["position"], limit: rowsPerTransaction };
      const found = await rows.selectAsync(messageTrace, "verdicts", query);
      return found.map(told).filter((verdict) => verdict !== undefined);
    },
    async list(where, page) {
      const wanted = { ...page, first: page.first + 1 };
      const query = rowQuery(where, indexedWhere(caller, where), wanted);
      if (query === undefined) return scanLog(store, where, page);
      const sent = rowQuery(where, sentWhere(caller, where), wanted);
      const selected = [...(await rows.selectAsync(messageTrace, "verdicts", query))];
      if (sent !== undefined) selected.push(...(await rows.selectAsync(messageTrace, "verdicts", sent)));
      // Mail between two tenants of one reseller comes from both.
      const rowsOfIds = new Map(selected.map((row) => [row.verdictId, row]));
      const shown = [...rowsOfIds.values()].filter((row) => !isNarrowed(where) || reachable(row) !== undefined);
      const known = shown.map(told).filter((verdict) => verdict !== undefined);
      const seen = known.filter((verdict) => matchesVerdict(where, verdict));
      seen.sort((a, b) => (a.position < b.position ? 1 : -1));
      const found = seen.slice(0, page.first);
      return { found, more: seen.length > page.first, end: found.at(-1)?.position };
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

/** Rows of mail that the caller's subtree sent to others. What became of it there must not be found out by asking for it. */
function sentWhere({ scope }: Caller, where: VerdictWhere): Row | undefined {
  if (isNarrowed(where) || where.transactionId !== undefined) return undefined;
  const { tenantId } = where;
  if (scope.kind === "tenant" && (tenantId ?? scope.id) === scope.id) return { senderTenantId: scope.id };
  return scope.kind === "reseller" && tenantId === undefined ? { senderResellerId: scope.id } : undefined;
}

function isNarrowed({ action, reason }: VerdictWhere): boolean {
  return action !== undefined || reason !== undefined;
}

/** Whose login sent the mail of a row, where the verdict is another's; no caller but the platform reaches nobody's. */
function senderOfRow({ senderResellerId, senderTenantId }: Row) {
  return { tenantId: senderTenantId as TenantId | undefined, resellerId: senderResellerId as ResellerId | undefined };
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
