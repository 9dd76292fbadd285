import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createContentPool } from "./content-pool.ts";
import { type ContentTest, contentTestKey, matchContent } from "./match-content.ts";
import { plainContent } from "./rules-test-world.ts";

const contains = (value: string): ContentTest => ({ field: "body", operator: "contains", values: [value] });

describe("content pool", () => {
  test("answers as on the spot, and undecided when the time is over or the worker is stuck", async () => {
    const tests: readonly ContentTest[] = [
      contains("pills"),
      contains("absent"),
      { field: "attachmentName", operator: "endsWith", values: [".exe"] },
    ];
    const pool = createContentPool({ threads: 1, budgetMs: 1_000, timeoutMs: 30_000 });
    const hasty = createContentPool({ threads: 1, budgetMs: 1_000, timeoutMs: 0 });
    try {
      const direct = matchContent(plainContent, tests, { budgetMs: 1_000, now: () => 0 });
      const answers = await pool.match(plainContent, tests, "a");
      assert.deepEqual(
        tests.map((entry) => answers.get(contentTestKey(entry))),
        direct,
      );
      const late = await hasty.match(plainContent, tests, "a");
      assert.deepEqual(
        [...late.values()].map(({ result }) => result),
        ["undecided", "undecided", "undecided"],
      );
    } finally {
      await Promise.all([pool.close(), hasty.close()]);
    }
  });
  test("a tenant's heap of tests does not keep another's from being answered", async () => {
    const pool = createContentPool({ threads: 1, budgetMs: 1_000, timeoutMs: 30_000, queueMax: 8 });
    try {
      const done: string[] = [];
      const ask = async (owner: string) => {
        const [answer] = (await pool.match(plainContent, [contains("pills")], owner)).values();
        done.push(`${owner} ${answer?.result}`);
      };
      await Promise.all([..."aaaa", "b"].map(ask));
      assert.deepEqual(done, ["a undecided", "a yes", "a yes", "b yes", "a yes"]);
    } finally {
      await pool.close();
    }
  });
  test("tests that the budget does not reach are undecided, by the clock that is given", () => {
    let at = 0;
    const now = (): number => {
      at += 10;
      return at;
    };
    const tests = ["hello", "bob", "buy"].map(contains);
    assert.deepEqual(
      matchContent(plainContent, tests, { budgetMs: 15, now }).map(({ result }) => result),
      ["yes", "undecided", "undecided"],
    );
  });
});
