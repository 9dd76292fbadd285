import type { Position, Row } from "@mailfold/kernel";
import type { CompiledPolicy } from "@mailfold/policy";
import { policyFromRows, policyIndex } from "@mailfold/projection-policy-index";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import type { OperationDeps } from "../ports.ts";
import { positionOfEvent } from "../records/find-event.ts";
import { senderLists } from "../records/sender-entries.ts";

const pageRows = 1_000;
type History = "settings" | "limits" | "entries";

/** What is asked for of a table: which of its rows, and the column that tells those of one event apart. */
interface Wanted {
  readonly table: History;
  readonly where: Row;
  readonly oneOf?: readonly [column: string, values: readonly string[]];
  readonly name: "name" | "entryId";
}

/** Rows that stood at a position: what stands today began before it, what was replaced or removed since ended after it. */
async function stoodAt(rows: ReadStore, position: Position, wanted: Wanted): Promise<readonly Row[]> {
  const { name, oneOf, table } = wanted;
  const found: Row[] = [];
  for (const current of [1, 0]) {
    const since = current === 1 ? [] : [["toPosition", ">", position] as const];
    const query: RowQuery = {
      where: { ...wanted.where, current },
      and: [["fromPosition", "<=", position], ...since],
      ...(oneOf === undefined ? {} : { oneOf }),
      orderBy: [name],
      limit: pageRows,
    };
    let page = await rows.selectAsync(policyIndex, table, query);
    found.push(...page);
    for (let last = page.at(-1); last !== undefined && page.length === pageRows; last = page.at(-1)) {
      page = await rows.selectAsync(policyIndex, table, { ...query, after: last });
      found.push(...page);
    }
  }
  return found.map((row) => ({ ...row, current: 1 }));
}

/** Listings of some subjects, of all times, the newest first: a sender is listed and raised a few times in a life. */
function listingsOf(rows: ReadStore, scopes: readonly string[], subjects: readonly string[]): readonly Row[] {
  return scopes
    .filter((scope) => scope === "platform" || scope.startsWith("ten_"))
    .flatMap((scope) =>
      subjects.flatMap((subject) => {
        const query: RowQuery = { where: { scope, subject }, orderBy: ["fromPosition"], descending: true, limit: 200 };
        return rows.select(policyIndex, "listings", query);
      }),
    );
}

function listingStoodAt(position: Position) {
  return (row: Row): readonly Row[] => {
    const from = String(row.fromPosition);
    const to = row.toPosition;
    const stood = from <= position && (to === null || to === undefined || String(to) > position);
    return stood ? [{ ...row, current: 1 }] : [];
  };
}

/** What of the policy can matter to a verdict; lists and listings may be long, so only what names somebody is read of them. */
interface PolicyParts {
  readonly scopes: readonly string[];
  /** Of learned listings. */
  readonly subjects: readonly string[];
  /** Of list entries. */
  readonly patterns: readonly string[];
}

/**
 * The policy that a verdict was decided under, as far as its facts can tell. Today's policy when nothing changed since;
 * undefined when it can no longer be told.
 */
export async function policyAt(
  deps: Pick<OperationDeps, "rows" | "policy">,
  policyEvent: string | undefined,
  { patterns, scopes, subjects }: PolicyParts,
): Promise<CompiledPolicy | undefined> {
  const { policy, rows } = deps;
  const current = policy.current();
  if (current.revision === policyEvent) return current;
  const position = policyEvent === undefined ? ("" as Position) : positionOfEvent(rows, policyEvent);
  if (position === undefined) return undefined;
  const then: Record<History, Row[]> = { settings: [], limits: [], entries: [] };
  for (const scope of scopes) {
    const [settings, limits, ...entries] = await Promise.all([
      stoodAt(rows, position, { table: "settings", where: { scope }, name: "name" }),
      stoodAt(rows, position, { table: "limits", where: { scope }, name: "name" }),
      ...senderLists.map((list) => {
        const where = { scope, list };
        return stoodAt(rows, position, { table: "entries", where, oneOf: ["pattern", patterns], name: "entryId" });
      }),
    ]);
    then.settings.push(...settings);
    then.limits.push(...limits);
    then.entries.push(...entries.flat());
  }
  const listings = listingsOf(rows, scopes, subjects).flatMap(listingStoodAt(position));
  return policyFromRows({
    ...then,
    listings,
    revision: policyEvent === undefined ? undefined : { name: "policy", eventId: policyEvent, position },
  });
}
