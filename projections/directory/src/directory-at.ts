import type { MailboxId, Position, Row } from "@mailfold/kernel";
import { createDirectory, type DirectoryRows } from "./create-directory.ts";
import type { Directory } from "./directory.ts";
import { directoryProjection } from "./directory-projection.ts";

type Query = Parameters<DirectoryRows["select"]>[2];
/** What an aspect of an object was; undefined before it was first recorded. */
type AspectAt = (objectId: string, aspect: string) => unknown;

/** Rows of one address or name that are looked through for the one that stood then. */
const candidatesMax = 1_000;

/**
 * The directory as it stood at a position that its rows have passed: from today's rows and the history of what changed in
 * them. Who used how much is mail, not administration: `usedBytes` is today's. Lives as long as one request: it is never
 * invalidated. `addressesOf` and `heldByOther` throw: what they read is not kept by position.
 */
export function directoryAt(
  rows: DirectoryRows,
  position: Position,
  usedBytes: (mailboxId: MailboxId) => number,
): Directory {
  return createDirectory(rowsAt(rows, position), usedBytes);
}

function rowsAt(rows: DirectoryRows, position: Position): DirectoryRows {
  const aspectAt: AspectAt = (objectId, aspect) => {
    const [row] = rows.select(directoryProjection, "history", {
      where: { objectId, aspect },
      and: [["fromPosition", "<=", position]],
      orderBy: ["fromPosition"],
      descending: true,
      limit: 1,
    });
    return row === undefined ? undefined : JSON.parse(String(row.value));
  };
  const asItWas = (table: string, row: Row): Row => ({ ...row, ...changing[table]?.(row, aspectAt) });
  const stood = (row: Row) =>
    String(row.createdPosition) <= position &&
    (row.endedPosition === null || row.endedPosition === undefined || String(row.endedPosition) > position);

  return {
    get(projection, table, key) {
      const row = rows.get(projection, table, key);
      return row !== undefined && stood(row) ? asItWas(table, row) : undefined;
    },
    select(projection, table, query) {
      const idColumn = idColumns[table];
      if (idColumn === undefined) throw new Error(`rows of ${table} are not kept by position`);
      const ends = endings[table];
      const [steady, changed] = splitWhere(query, ends?.column ?? "deleted");
      const read = (where: Row, and: NonNullable<Query["and"]> = []) => {
        const all = [["createdPosition", "<=", position] as const, ...(query.and ?? []), ...and];
        const limit = Object.keys(changed).length > 0 && ends === undefined ? candidatesMax : query.limit;
        return rows.select(projection, table, { where: { ...steady, ...where }, and: all, orderBy: [idColumn], limit });
      };
      // What stands today and what ended since are read apart, each by index: neither is sifted for the other.
      const found =
        ends === undefined
          ? read({})
          : [...read(ends.standing), ...ends.ended.flatMap((where) => read(where, [["endedPosition", ">", position]]))];
      return found
        .map((row) => asItWas(table, row))
        .filter((row) => ends !== undefined || Object.entries(changed).every(([name, value]) => row[name] === value))
        .sort((a, b) => (String(a[idColumn]) < String(b[idColumn]) ? -1 : 1))
        .slice(0, query.limit);
    },
  };
}

const idColumns: Readonly<Record<string, string>> = {
  resellers: "resellerId",
  tenants: "tenantId",
  domains: "domainId",
  mailboxes: "mailboxId",
  aliases: "aliasId",
  tokens: "tokenId",
};

/** Objects that come to an end, and how their rows say so. */
const endings: Readonly<Record<string, { column: string; standing: Row; ended: readonly Row[] }>> = {
  domains: { column: "status", standing: { status: "active" }, ended: [{ status: "removed" }, { status: "lapsed" }] },
  aliases: { column: "removed", standing: { removed: 0 }, ended: [{ removed: 1 }] },
};

/** A query's conditions on what never changes, and the one on a column that does. */
function splitWhere(query: Query, changingColumn: string): readonly [steady: Row, changed: Row] {
  const { [changingColumn]: value, ...steady } = query.where ?? {};
  return [steady, value === undefined ? {} : { [changingColumn]: value }];
}

interface Switches {
  readonly login: boolean;
  readonly submission: boolean;
  readonly inbound: boolean;
  readonly forwarding: boolean;
  readonly reason?: string;
}

/** The columns of a table that change, as they were. */
const changing: Readonly<Record<string, (row: Row, aspectAt: AspectAt) => Row>> = {
  tenants(row, aspectAt) {
    const { login, submission, inbound, forwarding, reason } = aspectAt(String(row.tenantId), "switches") as Switches;
    return {
      loginOff: Number(login),
      submissionOff: Number(submission),
      inboundOff: Number(inbound),
      forwardingOff: Number(forwarding),
      suspended: Number(reason !== undefined || login || submission || inbound || forwarding),
      suspensionReason: reason ?? null,
    };
  },
  domains(row, aspectAt) {
    const { status, verified } = aspectAt(String(row.domainId), "status") as { status: string; verified: boolean };
    return { status, verified: Number(verified) };
  },
  mailboxes(row, aspectAt) {
    const id = String(row.mailboxId);
    return {
      displayName: aspectAt(id, "displayName") as string | null,
      quotaBytes: aspectAt(id, "quotaBytes") as number,
      suspended: Number(aspectAt(id, "suspended")),
      deleted: Number(aspectAt(id, "deleted")),
    };
  },
  aliases: () => ({ removed: 0 }),
  tokens: (row, aspectAt) => ({ revoked: Number(aspectAt(String(row.tokenId), "revoked") ?? false) }),
};
