import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { refusals } from "@mailfold/domain";
import { parse, validate } from "graphql";
import { defaultApiLimits } from "../ports.ts";
import { buildApiSchema } from "./schema.ts";

const pageNamed = (name: string) =>
  readFileSync(new URL(`../../../../docs/reference/${name}.md`, import.meta.url), "utf8");
const page = pageNamed("graphql");

describe("docs/reference/graphql.md", () => {
  const examples = [...(page + pageNamed("processing-rules")).matchAll(/```graphql\n([\s\S]*?)```/g)].map(
    (match) => match[1] ?? "",
  );

  test("has examples that the schema takes", () => {
    assert.ok(examples.length >= 5);
    for (const example of examples) {
      const problems = validate(buildApiSchema(), parse(example)).map((error) => error.message);
      assert.deepEqual(problems, [], example);
    }
  });

  test("names codes that are in the catalogue, and the limits that are in force", () => {
    for (const [, code] of page.matchAll(/`([A-Z]+_[A-Z_]+)`/g))
      assert.ok(code !== undefined && code in refusals, code);
    const limits = page.replaceAll(",", "");
    for (const value of [defaultApiLimits.queryDepth, defaultApiLimits.queryAliases, defaultApiLimits.queryTokens]) {
      assert.ok(limits.includes(String(value)), String(value));
    }
  });
});
