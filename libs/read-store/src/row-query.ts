import type { ColumnValue, Row, TableSpec } from "@mailfold/kernel";
import type { RowQuery } from "./port.ts";
import { checkedValue, RowError } from "./row-values.ts";

/** Most rows that one query may ask for. */
const queryLimitMax = 1_000;
/** Most values that a column of it may have. */
const oneOfMax = 1_000;

/** A query after checking: total order (key columns last), values as stored. */
export interface CheckedQuery {
  readonly where: readonly (readonly [column: string, value: ColumnValue])[];
  readonly and: readonly (readonly [column: string, op: "<" | "<=" | ">" | ">=" | "!=" | "like", value: ColumnValue])[];
  readonly oneOf: readonly [column: string, values: readonly ColumnValue[]] | undefined;
  readonly order: readonly string[];
  readonly after: readonly ColumnValue[] | undefined;
  readonly descending: boolean;
  readonly limit: number;
}

const operators: ReadonlySet<string> = new Set(["<", "<=", ">", ">=", "!=", "like"]);

/** Refuses (RowError) unknown columns and operators, limits outside 1..1,000, too many values and an incomplete `after`. */
export function checkQuery(table: TableSpec, query: RowQuery): CheckedQuery {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > queryLimitMax)
    throw new RowError(`limit must be 1..${queryLimitMax}, not ${query.limit}`);
  const { after, oneOf } = query;
  const order = [...(query.orderBy ?? [])];
  for (const column of table.key) if (!order.includes(column)) order.push(column);
  for (const column of oneOf === undefined ? order : [...order, oneOf[0]]) {
    if (table.columns[column] === undefined) throw new RowError(`table ${table.name} has no column ${column}`);
  }
  if (oneOf !== undefined && oneOf[1].length > oneOfMax)
    throw new RowError(`a column may have one of ${oneOfMax} values, not of ${oneOf[1].length}`);
  return {
    where: Object.entries(query.where ?? {}).map(
      ([column, value]) => [column, checkedValue(table, column, value)] as const,
    ),
    and: (query.and ?? []).map(([column, op, value]) => {
      if (!operators.has(op)) throw new RowError(`no operator ${op}`);
      return [column, op, checkedValue(table, column, value)] as const;
    }),
    oneOf: oneOf && [oneOf[0], oneOf[1].map((value) => checkedValue(table, oneOf[0], value))],
    order,
    after: after === undefined ? undefined : order.map((column) => cursorValue(table, column, after)),
    descending: query.descending ?? false,
    limit: query.limit,
  };
}

function cursorValue(table: TableSpec, column: string, after: Row): ColumnValue {
  const value = checkedValue(table, column, after[column]);
  if (value === null) throw new RowError(`after needs a value of ${table.name}.${column}`);
  return value;
}
