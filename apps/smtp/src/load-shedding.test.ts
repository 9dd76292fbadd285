import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DelayMedian } from "./load-shedding.ts";

describe("event-loop delay that sheds", () => {
  const after = (...delays: readonly number[]) => {
    const median = new DelayMedian();
    for (const delay of delays) median.add(delay);
    return median.delayMs;
  };
  const times = (count: number, delay: number) => Array.from({ length: count }, () => delay);

  test("a single pause, however long, does not count, nor do five", () => {
    assert.equal(after(...times(20, 2), 900, 2), 2);
    assert.equal(after(...times(20, 2), ...times(5, 300)), 2);
  });

  test("a loop that stays late counts within a second, and is forgiven as fast", () => {
    assert.equal(after(...times(20, 2), ...times(6, 100)), 100);
    assert.equal(after(...times(20, 100), ...times(6, 2)), 2);
  });

  test("nothing measured yet is no delay", () => {
    assert.equal(after(), 0);
  });
});
