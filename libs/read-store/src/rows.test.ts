import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { Row, RowChange, RowsProjection } from "@mailfold/kernel";
import fc from "fast-check";
import { MemoryRows } from "./memory-rows.ts";
import type { RowQuery } from "./port.ts";
import { checkQuery } from "./row-query.ts";
import { RowError } from "./row-values.ts";
import { SqlRows } from "./sql-rows.ts";
import { createTables, selectSql, tableIdentifier } from "./table-sql.ts";

const projection: RowsProjection = {
  name: "two-tables",
  version: 3,
  tables: [
    {
      name: "wide",
      key: ["a", "b"],
      columns: { a: "text", b: "integer", note: "text", size: "integer", share: "real" },
      indexes: [["note"], ["size", "note"]],
    },
    { name: "lone", key: ["id"], columns: { id: "text", at: "text" }, expiringBy: "at" },
  ],
  handles: [],
  project: () => [],
};
const [wide, lone] = projection.tables;
assert(wide !== undefined && lone !== undefined);
const set = { projection: projection.name, label: "v3", tables: projection.tables };

const text = fc.oneof(
  fc.constantFrom("", "a", "B", "b", "\u{1f600}", "\uffff", "x\0y", "100%", "a_b"),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const integer = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.maxSafeInteger());
const real = fc.oneof(fc.constantFrom(0, -0, 1, 1.5), fc.double({ noNaN: true, noDefaultInfinity: true }));
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const narrow = fc.constantFrom("p", "q", "\ud800", "\u{1f600}", "\uffff");
const small = fc.integer({ min: 0, max: 2 });
const values = { note: orNull(text), size: orNull(integer), share: orNull(real) };
const whereOf = fc.record({ a: narrow, b: small, note: orNull(text), size: orNull(integer) }, { requiredKeys: [] });
const change: fc.Arbitrary<RowChange> = fc.oneof(
  fc.record({ put: fc.constant("wide"), row: fc.record({ a: narrow, b: small, ...values }) }),
  fc.record({ put: fc.constant("lone"), row: fc.record({ id: narrow, at: orNull(text) }) }),
  fc.record({ patch: fc.constant("wide"), where: whereOf, set: fc.record(values, { requiredKeys: [] }) }),
  fc.record({ delete: fc.constantFrom("wide"), where: whereOf }),
) as fc.Arbitrary<RowChange>;
const query: fc.Arbitrary<RowQuery> = fc.record(
  {
    limit: fc.integer({ min: 1, max: 20 }),
    where: whereOf,
    orderBy: fc.subarray(["note", "size", "share", "a"]),
    descending: fc.boolean(),
    and: fc.array(
      fc.oneof(
        fc.tuple(
          fc.constantFrom("note", "a"),
          fc.constantFrom("<", "<=", ">", ">=", "!=", "like"),
          fc.oneof(narrow, orNull(text)),
        ),
        fc.tuple(fc.constant("size"), fc.constantFrom("<", "<=", ">", ">=", "!="), orNull(integer)),
      ),
      { maxLength: 2 },
    ),
    oneOf: fc.oneof(
      fc.tuple(fc.constantFrom("note", "a"), fc.array(fc.oneof(narrow, orNull(text)), { maxLength: 4 })),
      fc.tuple(fc.constant("size"), fc.array(orNull(integer), { maxLength: 4 })),
    ),
  },
  { requiredKeys: ["limit"] },
) as fc.Arbitrary<RowQuery>;

const plain = (rows: readonly unknown[]) => rows.map((row) => ({ ...(row as Row) }));

describe("rows in SQL and in memory", () => {
  test("agree on rows, selects, pages and pruning for any changes", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), query, text, (changes, asked, floor) => {
        const db = new DatabaseSync(":memory:");
        try {
          createTables(db, set);
          const sql = new SqlRows(db, set);
          const memory = new MemoryRows([projection]);
          for (const next of changes) {
            sql.apply(next);
            memory.apply(projection, next);
          }
          const inSql = (name: string, wanted: RowQuery) => {
            const table = name === "wide" ? wide : lone;
            const statement = selectSql(
              tableIdentifier(set, name),
              Object.keys(table.columns),
              checkQuery(table, wanted),
            );
            return plain(db.prepare(statement.sql).all(...statement.values));
          };
          assert.deepEqual(inSql("wide", { limit: 1000 }), plain(memory.select(projection, "wide", { limit: 1000 })));
          assert.deepEqual(inSql("wide", asked), plain(memory.select(projection, "wide", asked)));
          const all = memory.select(projection, "wide", { limit: 1000 });
          for (const after of all.slice(0, 3)) {
            const page: RowQuery = { limit: 2, after, ...(asked.descending ? { descending: true } : {}) };
            assert.deepEqual(inSql("wide", page), plain(memory.select(projection, "wide", page)));
          }
          sql.prune(lone, floor.toWellFormed(), 1000);
          memory.prune(floor.toWellFormed());
          assert.deepEqual(inSql("lone", { limit: 1000 }), plain(memory.select(projection, "lone", { limit: 1000 })));
        } finally {
          db.close();
        }
      }),
      {
        numRuns: 300,
        // LIKE reads noncharacters as U+FFFD, and nothing beyond a NUL.
        examples: [
          [[{ put: "wide", row: { a: "\uffff", b: 0 } }], { limit: 1, and: [["a", "like", "\ufffd"]] }, ""],
          [[{ put: "wide", row: { a: "x\0y", b: 0 } }], { limit: 1, and: [["a", "like", "x"]] }, ""],
        ],
      },
    );
  });

  test("refuse what does not fit the table, alike", () => {
    const db = new DatabaseSync(":memory:");
    createTables(db, set);
    const sql = new SqlRows(db, set);
    const memory = new MemoryRows([projection]);
    const wrong: readonly RowChange[] = [
      { put: "none", row: {} },
      { put: "wide", row: { a: "x", b: null } },
      { put: "wide", row: { a: "x" } },
      { put: "wide", row: { a: "x", b: 1, extra: 1 } },
      { put: "wide", row: { a: 1, b: 1 } },
      { put: "wide", row: { a: "x", b: 1.5 } },
      { put: "wide", row: { a: "x", b: 2 ** 53 } },
      { put: "wide", row: { a: "x", b: 1, share: Number.NaN } },
      { patch: "wide", where: { a: "x" }, set: { b: 2 } },
      { patch: "wide", where: { nope: 1 }, set: { size: 2 } },
      { delete: "wide", where: { size: "1" } },
    ];
    for (const bad of wrong) {
      assert.throws(() => sql.apply(bad), RowError, JSON.stringify(bad));
      assert.throws(() => memory.apply(projection, bad), RowError, JSON.stringify(bad));
    }
    assert.throws(() => memory.select(projection, "wide", { limit: 1001 }), RowError);
    assert.throws(() => memory.select(projection, "wide", { limit: 1, orderBy: ["nope"] }), RowError);
    const many = Array.from({ length: 1_001 }, (_, index) => String(index));
    assert.throws(() => memory.select(projection, "wide", { limit: 1, oneOf: ["note", many] }), RowError);
    assert.throws(() => memory.select(projection, "wide", { limit: 1, oneOf: ["nope", []] }), RowError);
    db.close();
  });
});
