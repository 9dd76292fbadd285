import type { Position, Row } from "@mailfold/kernel";
import type { CompiledPolicy } from "@mailfold/policy";
import { policyFromRows, policyIndex } from "@mailfold/projection-policy-index";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import type { OperationDeps } from "../ports.ts";
import { positionOfEvent } from "../records/find-event.ts";

const pageRows = 1_000;
/** Rows of one table and scope that are read back in time; a larger list is explained by today's policy instead. */
const rowsMax = 20_000;
const tables = ["settings", "limits", "entries"] as const;

async function readAll(rows: ReadStore, table: string, where: Row): Promise<readonly Row[] | undefined> {
  const found = new Map<string, Row>();
  let from = "";
  for (;;) {
    const query: RowQuery = { where, and: [["fromPosition", ">=", from]], orderBy: ["fromPosition"], limit: pageRows };
    const page = await rows.selectAsync(policyIndex, table, query);
    // One event sets up to 100 settings: a page may end within an event, which the next one then begins with.
    for (const row of page) found.set(`${row.fromPosition} ${row.name ?? row.entryId}`, row);
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return [...found.values()];
    if (found.size >= rowsMax) return undefined;
    from = String(last.fromPosition);
  }
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

function stoodAt(position: Position) {
  return (row: Row): readonly Row[] => {
    const from = String(row.fromPosition);
    const to = row.toPosition;
    const stood = from <= position && (to === null || to === undefined || String(to) > position);
    return stood ? [{ ...row, current: 1 }] : [];
  };
}

/**
 * The policy that a verdict was decided under, for the scopes and the subjects of learned listings that its facts name. Today's policy when nothing changed
 * since; undefined when it can no longer be told.
 */
export async function policyAt(
  deps: Pick<OperationDeps, "rows" | "policy">,
  policyEvent: string | undefined,
  { scopes, subjects }: { readonly scopes: readonly string[]; readonly subjects: readonly string[] },
): Promise<CompiledPolicy | undefined> {
  const current = deps.policy.current();
  if (current.revision === policyEvent) return current;
  const position = policyEvent === undefined ? ("" as Position) : positionOfEvent(deps.rows, policyEvent);
  if (position === undefined) return undefined;
  const stood = stoodAt(position);
  const stoodThen: Record<(typeof tables)[number], Row[]> = { settings: [], limits: [], entries: [] };
  for (const scope of scopes) {
    for (const currentFlag of [1, 0]) {
      for (const table of tables) {
        const rows = await readAll(deps.rows, table, { scope, current: currentFlag });
        if (rows === undefined) return undefined;
        stoodThen[table].push(...rows.flatMap(stood));
      }
    }
  }
  const listings = listingsOf(deps.rows, scopes, subjects).flatMap(stood);
  return policyFromRows({
    ...stoodThen,
    listings,
    revision: policyEvent === undefined ? undefined : { name: "policy", eventId: policyEvent, position },
  });
}
