import type { DatabaseSync } from "node:sqlite";
import type { ColumnValue, TableSpec } from "@mailfold/kernel";
import type { CheckedQuery } from "./row-query.ts";
import { RowError } from "./row-values.ts";

/** Tables of one projection in one build: `label` is `v<version>`, or `v<version>r<n>` after the nth commanded rebuild. */
export interface TableSet {
  readonly projection: string;
  readonly label: string;
  readonly tables: readonly TableSpec[];
}

const plainName = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** Quotes a name of ours for SQL; refuses anything that is not a plain name. */
export function quoted(name: string): string {
  if (!plainName.test(name)) throw new RowError(`not a name for a table or column: ${name}`);
  return `"${name}"`;
}

/** `<projection>__v<version>__<table>`, quoted. */
export function tableIdentifier(set: Pick<TableSet, "projection" | "label">, table: string): string {
  for (const part of [set.projection, set.label, table]) quoted(part);
  return `"${set.projection}__${set.label}__${table}"`;
}

function indexColumns(table: TableSpec): readonly (readonly string[])[] {
  const indexes = [...(table.indexes ?? [])];
  if (table.expiringBy !== undefined) indexes.push([table.expiringBy]);
  return indexes;
}

const columnsInKeyTreeMax = 8;

/** Narrow rows lie in their key's tree. Wide ones would make it deep, and every index would carry the key: they have a rowid. */
function layoutOf(table: TableSpec): string {
  return Object.keys(table.columns).length <= columnsInKeyTreeMax ? " WITHOUT ROWID" : "";
}

/** Makes the tables and indexes of a set; no harm when they exist. */
export function createTables(db: DatabaseSync, set: TableSet): void {
  for (const table of set.tables) {
    const columns = Object.entries(table.columns).map(
      ([name, type]) => `${quoted(name)} ${type}${table.key.includes(name) ? " NOT NULL" : ""}`,
    );
    const identifier = tableIdentifier(set, table.name);
    db.exec(
      `CREATE TABLE IF NOT EXISTS ${identifier} (${columns.join(", ")}, PRIMARY KEY (${table.key.map(quoted).join(", ")}))${layoutOf(table)}`,
    );
    indexColumns(table).forEach((index, number) => {
      const name = `"${set.projection}__${set.label}__${table.name}__${number}"`;
      db.exec(`CREATE INDEX IF NOT EXISTS ${name} ON ${identifier} (${index.map(quoted).join(", ")})`);
    });
  }
}

/** Drops the tables of a set with their indexes. */
export function dropTables(db: DatabaseSync, set: TableSet): void {
  for (const table of set.tables) db.exec(`DROP TABLE IF EXISTS ${tableIdentifier(set, table.name)}`);
}

/** A statement and its values. */
export interface SqlText {
  readonly sql: string;
  readonly values: readonly ColumnValue[];
}

/** `WHERE a = ? AND b IS NULL` of equalities; empty text when there are none. */
export function equalities(where: readonly (readonly [string, ColumnValue])[]): SqlText {
  if (where.length === 0) return { sql: "", values: [] };
  const terms = where.map(([column, value]) =>
    value === null ? `${quoted(column)} IS NULL` : `${quoted(column)} = ?`,
  );
  return {
    sql: ` WHERE ${terms.join(" AND ")}`,
    values: where.flatMap(([, value]) => (value === null ? [] : [value])),
  };
}

/** The SELECT of a checked query. */
export function selectSql(identifier: string, columns: readonly string[], query: CheckedQuery): SqlText {
  const equal = equalities(query.where);
  const terms: string[] = [];
  const values = [...equal.values];
  for (const [column, op, value] of query.and) {
    terms.push(`${quoted(column)} ${op === "like" ? "LIKE" : op} ?`);
    values.push(value);
  }
  if (query.oneOf !== undefined) {
    const [column, among] = query.oneOf;
    terms.push(`${quoted(column)} IN (${among.map(() => "?").join(", ")})`);
    values.push(...among);
  }
  if (query.after !== undefined) {
    const marks = query.order.map(() => "?").join(", ");
    terms.push(`(${query.order.map(quoted).join(", ")}) ${query.descending ? "<" : ">"} (${marks})`);
    values.push(...query.after);
  }
  const more = terms.length === 0 ? "" : `${equal.sql === "" ? " WHERE" : " AND"} ${terms.join(" AND ")}`;
  const order = query.order.map((column) => `${quoted(column)}${query.descending ? " DESC" : ""}`).join(", ");
  return {
    sql: `SELECT ${columns.map(quoted).join(", ")} FROM ${identifier}${equal.sql}${more} ORDER BY ${order} LIMIT ?`,
    values: [...values, query.limit],
  };
}
