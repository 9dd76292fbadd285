import { createHash, type Hash } from "node:crypto";
import type { Row, TableSpec } from "@mailfold/kernel";

/** Hashes rows in key order; SQL and memory use the same text, so that equal rows have equal hashes. */
export class RowsHash {
  readonly #hash: Hash = createHash("sha256");

  table(table: TableSpec, rows: Iterable<Row>): void {
    const columns = hashedColumns(table);
    this.#hash.update(`\n${table.name}(${columns.join(",")})\n`);
    for (const row of rows) this.#hash.update(`${JSON.stringify(columns.map((column) => row[column] ?? null))}\n`);
  }

  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** Columns in the order in which they are hashed. */
export function hashedColumns(table: TableSpec): readonly string[] {
  return Object.keys(table.columns).sort();
}
