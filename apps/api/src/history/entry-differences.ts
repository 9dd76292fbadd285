import type { SenderList } from "@mailfold/domain";
import type { Position, Row } from "@mailfold/kernel";
import { policyIndex } from "@mailfold/projection-policy-index";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import { toSenderEntry } from "../records/sender-entries.ts";
import { type Between, eventAt } from "./event-at.ts";
import type { PolicyDifference, PolicyStand } from "./policy-difference.ts";

/** Changed entries of one scope that are shown; the rest is only said to be there. */
const entriesMax = 500;

const keyOf = (row: Row) => `${row.list} ${row.pattern}`;

/** Entries of one scope's own lists that differ between two moments, by list and pattern. Reads off this thread. */
export async function entryDifferences(
  rows: ReadStore,
  scope: string,
  between: Between,
): Promise<{ readonly found: readonly PolicyDifference[]; readonly truncated: boolean }> {
  const { from, to } = between;
  const began: NonNullable<RowQuery["and"]> = [
    ["fromPosition", ">", from],
    ["fromPosition", "<=", to],
  ];
  const read = (current: 0 | 1, and: NonNullable<RowQuery["and"]>) =>
    rows.selectAsync(policyIndex, "entries", {
      where: { current, scope },
      and,
      orderBy: ["list", "pattern"],
      limit: entriesMax + 1,
    });
  const answers = await Promise.all([
    read(0, [
      ["fromPosition", "<=", from],
      ["toPosition", ">", from],
      ["toPosition", "<=", to],
    ]),
    read(1, began),
    read(0, [...began, ["toPosition", ">", to]]),
  ]);
  // Where one answer was cut, what the others say beyond its end would lack its other side.
  const ends = answers.filter((answer) => answer.length > entriesMax).map((answer) => keyOf(answer.at(-1) ?? {}));
  const end = ends.sort()[0];
  const within = (row: Row) => end === undefined || keyOf(row) < end;
  const [was, isStill, stood] = answers.map((answer) => new Map(answer.filter(within).map((row) => [keyOf(row), row])));
  const keys = [...new Set([was, isStill, stood].flatMap((rowsOf) => [...(rowsOf?.keys() ?? [])]))].sort();
  const found = keys.flatMap((key): readonly PolicyDifference[] => {
    const [before, after] = [was?.get(key), isStill?.get(key) ?? stood?.get(key)];
    return differenceOf(rows, { before, after }, between);
  });
  return { found: found.slice(0, entriesMax), truncated: end !== undefined || found.length > entriesMax };
}

function differenceOf(
  rows: ReadStore,
  sides: { readonly before: Row | undefined; readonly after: Row | undefined },
  { to }: Between,
): readonly PolicyDifference[] {
  const [before, after] = [standOf(sides.before), standOf(sides.after)];
  const row = sides.after ?? sides.before;
  if (row === undefined || JSON.stringify(before?.value) === JSON.stringify(after?.value)) return [];
  const changedBy = after?.byEvent ?? eventAt(rows, lastEnd(rows, row, to));
  return [{ part: "entry", name: String(row.pattern), list: row.list as SenderList, before, after, changedBy }];
}

/** Where the last entry of a list and pattern ended: it may have come and gone several times. */
function lastEnd(rows: ReadStore, { scope, list, pattern }: Row, to: Position): Row[string] | undefined {
  const where = { current: 0, scope: scope ?? null, list: list ?? null, pattern: pattern ?? null };
  const query = {
    where,
    and: [["toPosition", "<=", to] as const],
    orderBy: ["toPosition"],
    descending: true,
    limit: 1,
  };
  return rows.select(policyIndex, "entries", query)[0]?.toPosition;
}

function standOf(row: Row | undefined): PolicyStand | undefined {
  if (row === undefined) return undefined;
  const { entryId, pattern, expiresAt, note, trustUnverified, byEvent } = toSenderEntry(row);
  const until = expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  const value = { id: entryId, pattern, expiresAt: until, note: note ?? null, trustUnverified };
  return { value, scope: String(row.scope), shown: true, byEvent };
}
