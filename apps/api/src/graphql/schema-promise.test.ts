import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { buildSchema, findBreakingChanges, printSchema } from "graphql";
import { buildApiSchema } from "./schema.ts";

const promised = readFileSync(new URL("../../schema.promised.graphql", import.meta.url), "utf8");

/** Breaking changes that the changelog announces, word for word as the test names them; emptied by each release. */
const announced: ReadonlySet<string> = new Set();

function breaks(before: string, after: string): readonly string[] {
  return findBreakingChanges(buildSchema(before), buildSchema(after))
    .map((change) => change.description)
    .filter((description) => !announced.has(description));
}

describe("the promised schema", () => {
  test("nothing that clients rely on is broken without an announcement", () => {
    assert.deepEqual(breaks(promised, printSchema(buildApiSchema())), []);
  });

  test("a removed field, a new required argument and a removed enum value would be seen", () => {
    const now = printSchema(buildApiSchema());
    const without = (from: RegExp, to: string) => {
      const changed = now.replace(from, to);
      assert.notEqual(changed, now, `${from} matches nothing`);
      return breaks(promised, changed);
    };
    assert.match(without(/\n {2}externalId: String\n/, "\n").join(), /externalId/);
    assert.match(without(/input TenantCreateInput \{/, "input TenantCreateInput {\n  plan: String!").join(), /plan/);
    assert.match(without(/\n {2}ACTIVE\n/, "\n").join(), /ACTIVE/);
  });
});
