import type { ColumnValue, Position, Row, RowsProjection } from "@mailfold/kernel";
import { policyIndex } from "./policy-index.ts";

/** What the past is read with: libs/read-store's RowReader, or rows in memory. */
export interface HistoryRows {
  select(
    projection: RowsProjection,
    table: string,
    query: {
      readonly where?: Row;
      readonly and?: readonly (readonly [column: string, op: "<=", value: ColumnValue])[];
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
  return rows.select(policyIndex, table, {
    where: { scope, name },
    and: [["fromPosition", "<=", position]],
    orderBy: ["fromPosition"],
    descending: true,
    limit: 1,
  })[0];
}
