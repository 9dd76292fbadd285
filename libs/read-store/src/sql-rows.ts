import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ColumnValue, RowChange, TableSpec } from "@mailfold/kernel";
import { checkedPatch, checkedRowValues, checkedValue, tableNamed } from "./row-values.ts";
import { equalities, quoted, type TableSet, tableIdentifier } from "./table-sql.ts";

/** Shapes of patch and delete are as few as the lines of code that make them; the cap only guards against a bug. */
const statementsMax = 500;

/** Applies row changes to the SQL tables of one projection build. The caller owns the transaction. */
export class SqlRows {
  readonly #db: DatabaseSync;
  readonly #set: TableSet;
  /** By table: every put of a table has the same columns in the same order. */
  readonly #puts = new Map<string, StatementSync>();
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, set: TableSet) {
    this.#db = db;
    this.#set = set;
  }

  /** Answers whether any row was touched; throws RowError when the change does not fit the tables. */
  apply(change: RowChange): boolean {
    if ("put" in change) return this.#put(tableNamed(this.#set.tables, change.put), change);
    if ("patch" in change) return this.#patch(tableNamed(this.#set.tables, change.patch), change);
    const table = tableNamed(this.#set.tables, change.delete);
    const where = equalities(checkedWhere(table, change.where));
    return this.#run(`DELETE FROM ${this.#identifier(table)}${where.sql}`, where.values);
  }

  /** Drops at most `max` rows whose expiringBy column is below the floor; answers how many went. */
  prune(table: TableSpec, floor: string, max: number): number {
    if (table.expiringBy === undefined) return 0;
    const identifier = this.#identifier(table);
    const key = table.key.map(quoted).join(", ");
    const doomed = `SELECT ${key} FROM ${identifier} WHERE ${quoted(table.expiringBy)} < ? LIMIT ${max}`;
    const result = this.#prepared(`DELETE FROM ${identifier} WHERE (${key}) IN (${doomed})`).run(floor);
    return Number(result.changes);
  }

  #put(table: TableSpec, change: Extract<RowChange, { put: string }>): boolean {
    const values = checkedRowValues(table, change.row);
    let statement = this.#puts.get(table.name);
    if (statement === undefined) {
      const columns = Object.keys(table.columns);
      const marks = columns.map(() => "?").join(", ");
      const into = `${this.#identifier(table)} (${columns.map(quoted).join(", ")})`;
      statement = this.#db.prepare(`INSERT OR REPLACE INTO ${into} VALUES (${marks})`);
      this.#puts.set(table.name, statement);
    }
    statement.run(...values);
    return true;
  }

  #patch(table: TableSpec, change: Extract<RowChange, { patch: string }>): boolean {
    const set = checkedPatch(table, change.set);
    const columns = Object.keys(set);
    const where = equalities(checkedWhere(table, change.where));
    if (columns.length === 0) return false;
    const assignments = columns.map((column) => `${quoted(column)} = ?`).join(", ");
    const sql = `UPDATE ${this.#identifier(table)} SET ${assignments}${where.sql}`;
    return this.#run(sql, [...Object.values(set), ...where.values]);
  }

  #identifier(table: TableSpec): string {
    return tableIdentifier(this.#set, table.name);
  }

  #run(sql: string, values: readonly ColumnValue[]): boolean {
    return Number(this.#prepared(sql).run(...values).changes) > 0;
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= statementsMax) this.#statements.clear();
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function checkedWhere(table: TableSpec, where: Readonly<Record<string, ColumnValue>>): [string, ColumnValue][] {
  return Object.entries(where).map(([column, value]) => [column, checkedValue(table, column, value)]);
}
