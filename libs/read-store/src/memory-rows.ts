import type { ColumnValue, RecordedEvent, Row, RowChange, RowsProjection, TableSpec } from "@mailfold/kernel";
import type { RowQuery, RowReader } from "./port.ts";
import { RowsHash } from "./row-hash.ts";
import { type CheckedQuery, checkQuery } from "./row-query.ts";
import { checkedPatch, checkedRow, checkedValue, compareValues, tableNamed } from "./row-values.ts";

type Rows = Map<string, Row>;

/** Rows of projections kept in memory: the interpreter that SQL is compared with, and a fast RowReader for tests. */
export class MemoryRows implements RowReader {
  readonly #tables = new Map<string, Map<string, Rows>>();
  readonly #projections: readonly RowsProjection[];

  constructor(projections: readonly RowsProjection[]) {
    this.#projections = projections;
    for (const projection of projections) {
      this.#tables.set(projection.name, new Map(projection.tables.map((table) => [table.name, new Map()])));
    }
  }

  /** Projects an event with every projection that handles it, and applies the changes. */
  append(event: RecordedEvent): void {
    for (const projection of this.#projections) {
      if (!projection.handles.includes(event.type)) continue;
      for (const change of projection.project(event)) this.apply(projection, change);
    }
  }

  apply(projection: RowsProjection, change: RowChange): void {
    if ("put" in change) {
      const table = tableNamed(projection.tables, change.put);
      const row = checkedRow(table, change.row);
      this.#rows(projection, table).set(rowKey(table, row), row);
      return;
    }
    const table = tableNamed(projection.tables, "patch" in change ? change.patch : change.delete);
    const rows = this.#rows(projection, table);
    const set = "patch" in change ? checkedPatch(table, change.set) : undefined;
    const where = Object.entries(change.where).map(
      ([column, value]) => [column, checkedValue(table, column, value)] as const,
    );
    for (const [key, row] of rows) {
      if (!where.every(([column, value]) => row[column] === value)) continue;
      if (set === undefined) rows.delete(key);
      else rows.set(key, { ...row, ...set });
    }
  }

  /** Drops rows that the log's traffic floor has passed. */
  prune(floor: string): void {
    for (const projection of this.#projections) {
      for (const table of projection.tables) {
        const column = table.expiringBy;
        if (column === undefined) continue;
        const rows = this.#rows(projection, table);
        for (const [key, row] of rows) {
          const position = row[column] ?? null;
          if (position !== null && compareValues(position, floor) < 0) rows.delete(key);
        }
      }
    }
  }

  get(projection: RowsProjection, table: string, key: Row): Row | undefined {
    const spec = tableNamed(projection.tables, table);
    return this.#rows(projection, spec).get(rowKey(spec, key));
  }

  select(projection: RowsProjection, table: string, query: RowQuery): readonly Row[] {
    const spec = tableNamed(projection.tables, table);
    const checked = checkQuery(spec, query);
    const direction = checked.descending ? -1 : 1;
    return [...this.#rows(projection, spec).values()]
      .filter((row) => matches(row, checked))
      .sort((a, b) => direction * compareRows(checked.order, a, b))
      .slice(0, checked.limit);
  }

  selectAsync(projection: RowsProjection, table: string, query: RowQuery): Promise<readonly Row[]> {
    return Promise.resolve(this.select(projection, table, query));
  }

  /** Same text and digest as ReadStore.hash. */
  hash(projection: RowsProjection): string {
    const hash = new RowsHash();
    for (const table of projection.tables) {
      const rows = [...this.#rows(projection, table).values()];
      hash.table(
        table,
        rows.sort((a, b) => compareRows(table.key, a, b)),
      );
    }
    return hash.digest();
  }

  #rows(projection: RowsProjection, table: TableSpec): Rows {
    const rows = this.#tables.get(projection.name)?.get(table.name);
    if (rows === undefined) throw new Error(`no rows of ${projection.name}.${table.name} here`);
    return rows;
  }
}

function rowKey(table: TableSpec, row: Row): string {
  return JSON.stringify(table.key.map((column) => checkedValue(table, column, row[column])));
}

function compareRows(columns: readonly string[], a: Row, b: Row): number {
  for (const column of columns) {
    const order = compareValues(a[column] ?? null, b[column] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

function matches(row: Row, query: CheckedQuery): boolean {
  if (!query.where.every(([column, value]) => (row[column] ?? null) === value)) return false;
  if (!query.and.every(([column, op, value]) => compares(row[column] ?? null, op, value))) return false;
  if (query.oneOf !== undefined && !isOneOf(row[query.oneOf[0]] ?? null, query.oneOf[1])) return false;
  if (query.after === undefined) return true;
  const cursor = Object.fromEntries(query.order.map((column, index) => [column, query.after?.[index] ?? null]));
  // Row values with a null are neither before nor after in SQL.
  for (const column of query.order) {
    const value = row[column] ?? null;
    if (value === null) return false;
    if (compareValues(value, cursor[column] ?? null) !== 0) break;
  }
  const order = compareRows(query.order, row, cursor);
  return query.descending ? order < 0 : order > 0;
}

function isOneOf(value: ColumnValue, among: readonly ColumnValue[]): boolean {
  return value !== null && among.some((each) => each !== null && compareValues(value, each) === 0);
}

function compares(value: ColumnValue, op: CheckedQuery["and"][number][1], operand: ColumnValue): boolean {
  if (value === null || operand === null) return false;
  if (op === "like") return likePattern(asLikeReads(String(operand))).test(asLikeReads(String(value)));
  const order = compareValues(value, operand);
  if (op === "<") return order < 0;
  if (op === "<=") return order <= 0;
  if (op === ">") return order > 0;
  if (op === ">=") return order >= 0;
  return order !== 0;
}

/** SQLite's LIKE ends at a NUL and takes the noncharacters U+FFFE and U+FFFF for U+FFFD. */
function asLikeReads(text: string): string {
  const [head = ""] = text.split("\0", 1);
  return head.replace(/[\ufffe\uffff]/g, "\ufffd");
}

/** SQLite's LIKE: % any run, _ any character, ASCII letters in any case. */
function likePattern(pattern: string): RegExp {
  const source = Array.from(pattern, (character) => {
    if (character === "%") return "[^]*";
    if (character === "_") return "[^]";
    if (/[A-Za-z]/.test(character)) return `[${character.toLowerCase()}${character.toUpperCase()}]`;
    return character.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  }).join("");
  return new RegExp(`^${source.replaceAll("\\-", "-")}$`, "u");
}
