import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isReordered, ruleListOf, rulesTouched, withRulesAsBefore } from "./rule-list.ts";

const rules = fc
  .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), fc.constantFrom("one", "two")), {
    selector: ([name]) => name,
  })
  .map((list) => list.map(([name, text]) => ({ name, text })));
const listOf = (value: Parameters<typeof ruleListOf>[0]) => ruleListOf(value) ?? assert.fail();

describe("rules of a scope", () => {
  test("a change of the same order is taken back exactly when nothing came after it", () => {
    fc.assert(
      fc.property(rules, rules, (before, after) => {
        const [was, is] = [listOf(before), listOf(after)];
        if (isReordered(was, is)) return;
        assert.deepEqual(withRulesAsBefore(is, was, rulesTouched(was, is)), before);
      }),
      { numRuns: 2_000 },
    );
  });

  test("rules that the change did not touch stay as they are today, in today's order", () => {
    fc.assert(
      fc.property(rules, rules, rules, (before, after, today) => {
        const [was, is, now] = [listOf(before), listOf(after), listOf(today)];
        const touched = rulesTouched(was, is);
        const back = listOf(withRulesAsBefore(now, was, touched));
        for (const name of touched) assert.deepEqual(back.get(name), was.get(name));
        const others = (list: Iterable<string>) => [...list].filter((name) => !touched.includes(name));
        assert.deepEqual(others(back.keys()), others(now.keys()));
        for (const name of others(now.keys())) assert.deepEqual(back.get(name), now.get(name));
      }),
      { numRuns: 2_000 },
    );
  });

  test("what is no list of named rules is none", () => {
    for (const value of ["x", 3, { name: "a" }, [{ text: "nameless" }], [{ name: "a" }, { name: "a" }], [3]]) {
      assert.equal(ruleListOf(value), undefined);
    }
    assert.equal(ruleListOf(undefined)?.size, 0);
  });
});
