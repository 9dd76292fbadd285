import type { ColumnValue, Row, TableSpec } from "@mailfold/kernel";

/** A change or query that does not fit its table: a bug of the projection or caller, or data nobody foresaw. */
export class RowError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RowError";
  }
}

/** Checks one value against its column, so that every interpreter stores exactly the same; answers the value to store. */
export function checkedValue(table: TableSpec, column: string, value: ColumnValue | undefined): ColumnValue {
  const type = table.columns[column];
  if (type === undefined) throw new RowError(`table ${table.name} has no column ${column}`);
  if (value === null || value === undefined) return null;
  if (type === "text") {
    if (typeof value !== "string") throw new RowError(`${table.name}.${column} takes text, not ${typeof value}`);
    // SQLite keeps UTF-8, which has no lone surrogates.
    return value.isWellFormed() ? value : value.toWellFormed();
  }
  if (typeof value !== "number") throw new RowError(`${table.name}.${column} takes a number, not ${typeof value}`);
  if (type === "integer" && !Number.isSafeInteger(value))
    throw new RowError(`${table.name}.${column} takes a safe integer, not ${value}`);
  if (!Number.isFinite(value)) throw new RowError(`${table.name}.${column} takes a finite number, not ${value}`);
  return value === 0 ? 0 : value; // -0 would come back as 0.
}

/** What is asked of a table with every row, worked out once. */
interface TableShape {
  readonly columns: readonly string[];
  readonly keyPlaces: readonly number[];
}
const shapes = new WeakMap<TableSpec, TableShape>();

function shapeOf(table: TableSpec): TableShape {
  const known = shapes.get(table);
  if (known !== undefined) return known;
  const columns = Object.keys(table.columns);
  const shape = { columns, keyPlaces: table.key.map((column) => columns.indexOf(column)) };
  shapes.set(table, shape);
  return shape;
}

/** Checks a whole row for `put`: every key column set, no unknown column, absent columns null. Values in the order of columns. */
export function checkedRowValues(table: TableSpec, row: Row): ColumnValue[] {
  const { columns, keyPlaces } = shapeOf(table);
  for (const column in row) {
    if (table.columns[column] === undefined) throw new RowError(`table ${table.name} has no column ${column}`);
  }
  const values = columns.map((column) => checkedValue(table, column, row[column]));
  for (const place of keyPlaces) {
    if (values[place] === null) throw new RowError(`key column ${table.name}.${columns[place]} is empty`);
  }
  return values;
}

/** The same as a row. */
export function checkedRow(table: TableSpec, row: Row): Record<string, ColumnValue> {
  const values = checkedRowValues(table, row);
  return Object.fromEntries(shapeOf(table).columns.map((column, place) => [column, values[place] ?? null]));
}

/** Checks the `set` of a patch: known columns, and never a key column, which would make another row of it. */
export function checkedPatch(table: TableSpec, set: Row): Record<string, ColumnValue> {
  const checked: Record<string, ColumnValue> = {};
  for (const column of Object.keys(set)) {
    if (table.key.includes(column)) throw new RowError(`a patch may not change key column ${table.name}.${column}`);
    checked[column] = checkedValue(table, column, set[column]);
  }
  return checked;
}

/** The table that a change names, or a RowError. */
export function tableNamed(tables: readonly TableSpec[], name: string): TableSpec {
  const table = tables.find((candidate) => candidate.name === name);
  if (table === undefined) throw new RowError(`no table ${name}`);
  return table;
}

/** Orders values as SQLite does: null, numbers, text by code point (UTF-8 bytes order the same). */
export function compareValues(a: ColumnValue, b: ColumnValue): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  if (typeof a === "number") return typeof b === "number" ? a - b : -1;
  if (typeof b === "number") return 1;
  return compareText(a, b);
}

function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    // Surrogates stand for code points beyond all other UTF-16 units.
    return codeUnitRank(left) - codeUnitRank(right);
  }
  return a.length - b.length;
}

function codeUnitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
