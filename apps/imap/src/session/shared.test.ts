import assert from "node:assert/strict";
import { test } from "node:test";
import { LiteralBudget } from "./shared.ts";

test("one holder cannot take the literal budget of all", () => {
  const budget = new LiteralBudget(100);
  assert.equal(budget.take("a", 60), true, "one literal of any size fits");
  assert.equal(budget.take("a", 1), false);
  assert.equal(budget.take("b", 20), true);
  assert.equal(budget.take("b", 6), false, "over a quarter of all");
  assert.equal(budget.take("c", 21), false, "more than there is");
  budget.give("a", 60);
  assert.equal(budget.take("a", 25), true);
  budget.give("a", 25);
  budget.give("b", 20);
  assert.equal(budget.take("c", 100), true);
});
