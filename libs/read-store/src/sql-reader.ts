import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ColumnValue, Row, RowsProjection, TableSpec } from "@mailfold/kernel";
import { type FoldSnapshots, snapshotLoader } from "./fold-snapshots.ts";
import type { RowQuery, RowReader } from "./port.ts";
import { hashedColumns, RowsHash } from "./row-hash.ts";
import { type CheckedQuery, checkQuery } from "./row-query.ts";
import { checkedValue, RowError, tableNamed } from "./row-values.ts";
import { quoted, selectSql, type TableSet, tableIdentifier } from "./table-sql.ts";
import { readBuilds, sqliteCode } from "./views-database.ts";

const statementsMax = 500;

/** What a reader needs of a projection: a name and its tables, so that it can be sent to a worker. */
export type ProjectionTables = Pick<RowsProjection, "name" | "tables">;

/** Rows cannot answer now: no such projection is being run here, or rows of an older version lack what is asked. */
export class RowsUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RowsUnavailable";
  }
}

/** A table as code knows it, and where its served rows lie. */
interface ServedTable {
  readonly tables: readonly TableSpec[];
  readonly spec: TableSpec;
  /** Those of the spec that the served rows have. */
  readonly columns: readonly string[];
  readonly identifier: string;
  readonly getSql: string;
}

/** Reads the served rows through one read-only connection. Synchronous; statements are prepared once. */
export class SqlReader implements RowReader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly loadSnapshot: FoldSnapshots["load"];
  readonly #tables = new Map<string, ServedTable>();
  #served = new Map<string, TableSet>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    this.#db.exec("PRAGMA query_only = 1; PRAGMA cache_size = -4000; PRAGMA mmap_size = 268435456");
    this.loadSnapshot = snapshotLoader(this.#db);
    this.refresh();
  }

  /** Takes note of swapped builds. */
  refresh(): void {
    this.#statements.clear();
    this.#tables.clear();
    const active = readBuilds(this.#db).filter((build) => build.active);
    this.#served = new Map(active.map(({ set }) => [set.projection, set]));
  }

  get(projection: ProjectionTables, table: string, key: Row): Row | undefined {
    return this.#retrying(() => {
      const { spec, columns, getSql } = this.#tableOf(projection, table);
      const values = spec.key.map((column): ColumnValue => {
        const value = checkedValue(spec, column, key[column]);
        if (value === null) throw new RowError(`get needs the whole key of ${table}: ${column} is missing`);
        return value;
      });
      this.#mustHave(projection, columns, spec.key);
      const row = this.#prepared(getSql).get(...values) as Row | undefined;
      return row === undefined ? undefined : withAllColumns(spec, columns, row);
    });
  }

  select(projection: ProjectionTables, table: string, query: RowQuery): readonly Row[] {
    const checked = checkQuery(tableNamed(projection.tables, table), query);
    return this.#retrying(() => {
      const { spec, identifier, columns } = this.#tableOf(projection, table);
      this.#mustHave(projection, columns, columnsUsed(checked));
      const { sql, values } = selectSql(identifier, columns, checked);
      const rows = this.#prepared(sql).all(...values) as Row[];
      return columns.length === Object.keys(spec.columns).length
        ? rows
        : rows.map((row) => withAllColumns(spec, columns, row));
    });
  }

  /** SHA-256 over all rows of all tables, in key order, read in one snapshot. */
  hash(projection: ProjectionTables): string {
    return this.#retrying(() => {
      this.#db.exec("BEGIN");
      try {
        const hash = new RowsHash();
        for (const table of projection.tables) {
          const { identifier } = this.#tableOf(projection, table.name);
          const columns = hashedColumns(table).map(quoted).join(", ");
          const order = table.key.map(quoted).join(", ");
          const statement = this.#db.prepare(`SELECT ${columns} FROM ${identifier} ORDER BY ${order}`);
          hash.table(table, statement.iterate() as Iterable<Row>);
        }
        return hash.digest();
      } finally {
        this.#db.exec("COMMIT");
      }
    });
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  /** A swap drops the tables that statements were prepared for: look again, once. */
  #retrying<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (sqliteCode(error) !== 1 && !(error instanceof RowsUnavailable)) throw error;
      this.refresh();
      return read();
    }
  }

  #tableOf(projection: ProjectionTables, table: string): ServedTable {
    const known = this.#tables.get(`${projection.name}/${table}`);
    // Code of another version (a test's) may name the same projection with other tables.
    if (known !== undefined && known.tables === projection.tables) return known;
    const set = this.#served.get(projection.name);
    if (set === undefined) throw new RowsUnavailable(`projection ${projection.name} has no rows here`);
    const spec = tableNamed(projection.tables, table);
    const stored = set.tables.find((candidate) => candidate.name === table);
    if (stored === undefined) throw new RowsUnavailable(`${projection.name}.${table} is still being built`);
    const columns = Object.keys(spec.columns).filter((column) => stored.columns[column] !== undefined);
    const identifier = tableIdentifier(set, table);
    const where = spec.key.map((column) => `${quoted(column)} = ?`).join(" AND ");
    const getSql = `SELECT ${columns.map(quoted).join(", ")} FROM ${identifier} WHERE ${where}`;
    const served = { tables: projection.tables, spec, columns, identifier, getSql };
    this.#tables.set(`${projection.name}/${table}`, served);
    return served;
  }

  #mustHave(projection: ProjectionTables, columns: readonly string[], needed: readonly string[]): void {
    const missing = needed.find((column) => !columns.includes(column));
    if (missing !== undefined) throw new RowsUnavailable(`${projection.name}: column ${missing} is still being built`);
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

function columnsUsed(query: CheckedQuery): readonly string[] {
  const { and, oneOf, order, where } = query;
  const compared = [...where, ...and].map(([column]) => column);
  return [...compared, ...(oneOf === undefined ? [] : [oneOf[0]]), ...order];
}

/** Columns that an older version's rows lack read as null. */
function withAllColumns(spec: TableSpec, columns: readonly string[], row: Row): Row {
  if (columns.length === Object.keys(spec.columns).length) return row;
  return { ...Object.fromEntries(Object.keys(spec.columns).map((column) => [column, null])), ...row };
}
