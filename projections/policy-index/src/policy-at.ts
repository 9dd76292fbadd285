import type { ColumnValue, Position, Row, RowsProjection } from "@mailfold/kernel";
import { type CompiledPolicy, settingDefinitions } from "@mailfold/policy";
import { policyFromRows } from "./policy-from-rows.ts";
import { policyIndex } from "./policy-index.ts";

/** What the past is read with: libs/read-store's RowReader, or rows in memory. */
export interface HistoryRows {
  select(
    projection: RowsProjection,
    table: string,
    query: {
      readonly where?: Row;
      readonly and?: readonly (readonly [column: string, op: "<=" | ">", value: ColumnValue])[];
      readonly orderBy?: readonly string[];
      readonly descending?: boolean;
      readonly limit: number;
    },
  ): readonly Row[];
}

/** The last row of a name that had begun by a position, whether it stood then still or not. */
export function lastRowAt(
  rows: HistoryRows,
  table: "settings" | "limits",
  of: { readonly scope: string; readonly name: string },
  position: Position,
): Row | undefined {
  const { scope, name } = of;
  const and = [["fromPosition", "<=", position]] as const;
  return rows.select(policyIndex, table, {
    where: { scope, name },
    and,
    orderBy: ["fromPosition"],
    descending: true,
    limit: 1,
  })[0];
}

/** Whether a row stood at a position. */
export function stoodAt(row: Row, position: Position): boolean {
  const { fromPosition, toPosition } = row;
  const hasEnded = toPosition !== null && toPosition !== undefined && String(toPosition) <= position;
  return String(fromPosition) <= position && !hasEnded;
}

function rowsOf(rows: HistoryRows, table: "settings" | "limits", scope: string, position: Position): readonly Row[] {
  if (rows.select(policyIndex, table, { where: { scope }, limit: 1 }).length === 0) return [];
  return settingDefinitions.flatMap(({ name }) => {
    const row = lastRowAt(rows, table, { scope, name }, position);
    return row !== undefined && stoodAt(row, position) ? [{ ...row, current: 1 }] : [];
  });
}

/**
 * Settings and limits of some scopes as they stood at a position that the rows have passed; without list entries. One
 * look-up by key for each name: what it costs does not grow with how often a setting was changed.
 */
export function settingsAt(rows: HistoryRows, scopes: Iterable<string>, position: Position): CompiledPolicy {
  const settings: Row[] = [];
  const limits: Row[] = [];
  for (const scope of scopes) {
    settings.push(...rowsOf(rows, "settings", scope, position));
    limits.push(...rowsOf(rows, "limits", scope, position));
  }
  return policyFromRows({ settings, limits, entries: [] });
}
