import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { eventCatalogue } from "./catalogue/catalogue.ts";
import type { EventEntry } from "./catalogue/entry.ts";
import { schemaPredicate } from "./schema-predicate.ts";

const fixturesDir = new URL("../fixtures/", import.meta.url);
const catalogue = eventCatalogue as Readonly<Record<string, EventEntry>>;
const written = readdirSync(fixturesDir).flatMap((name) => {
  const { decoded } = JSON.parse(readFileSync(new URL(name, fixturesDir), "utf8")) as {
    readonly decoded: { readonly type: string; readonly data: Record<string, unknown> };
  };
  const entry = catalogue[decoded.type];
  return entry === undefined ? [] : [{ ...decoded, entry }];
});
/** Values at the edges of what a field may hold. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, "", "INBOX", -1, 1.5, Number.NaN, 2 ** 60, 0n, true, new Map(), [undefined]),
  fc.constantFrom("ten_1", "mbx_1", "mbx_A", "accept", {}, { kind: "platform" }, { kind: "tenant", id: "ten_1" }),
  fc.anything({ maxDepth: 2 }),
);

describe("the quick test of a schema", () => {
  test("knows what the mail path writes, so that zod is not asked there", () => {
    for (const type of ["VerdictRecorded", "MessageDelivered", "MessageQueued", "FlagsChanged"]) {
      for (const { data, entry } of written.filter((event) => event.type === type)) {
        assert.equal(schemaPredicate(entry.schema)(data), true, type);
      }
    }
  });

  test("accepts nothing that zod refuses, whatever is changed in an event", () => {
    const predicates = new Map(written.map(({ entry }) => [entry, schemaPredicate(entry.schema)]));
    let accepted = 0;
    const change = fc.record({ event: fc.constantFrom(...written), at: fc.nat(), extra: fc.boolean(), value: odd });
    fc.assert(
      fc.property(change, ({ event, at, extra, value }) => {
        const names = Object.keys(event.data);
        const name = extra ? "unheardOf" : (names[at % names.length] ?? "unheardOf");
        const data = { ...event.data, [name]: value };
        if (predicates.get(event.entry)?.(data) !== true) return;
        accepted += 1;
        assert.equal(event.entry.schema.safeParse(data).success, true);
      }),
      { numRuns: 3_000 },
    );
    assert.ok(accepted > 10, `${accepted} changes were acceptable`);
  });

  test("a schema of another kind is left to zod", () => {
    for (const schema of [z.date(), z.number().max(3), z.string().min(2), z.looseObject({}), z.array(z.any()).max(1)]) {
      for (const value of [new Date(), 1, "text", {}, []]) assert.equal(schemaPredicate(schema)(value), false);
    }
  });
});
