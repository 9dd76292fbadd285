import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { shareExceeds, shareLowerBound } from "./spam-share.ts";
import { mailUnits } from "./tally.ts";

/** Wilson's formula as the books have it, in floating point. */
function wilson(spam: number, mail: number): number {
  const z = 1.959964;
  const p = spam / mail;
  const root = z * Math.sqrt((p * (1 - p)) / mail + (z * z) / (4 * mail * mail));
  return (p + (z * z) / (2 * mail) - root) / (1 + (z * z) / mail);
}
const sample = (spam: number, mail: number) => ({ spam: spam * mailUnits, mail: mail * mailUnits });

describe("the share of spam", () => {
  test("agrees with Wilson's formula wherever it is not within a hair of the bound", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 99 }),
        (mail, part, percent) => {
          const spam = Math.floor(mail * part);
          const expected = wilson(spam, mail);
          if (Math.abs(expected - percent / 100) < 1e-6) return;
          assert.equal(shareExceeds(sample(spam, mail), percent * 10_000), expected > percent / 100);
        },
      ),
      { numRuns: 1_000 },
    );
  });
  test("few mails prove little: four of four pass one half, three of three do not", () => {
    assert.equal(shareExceeds(sample(4, 4), 500_000), true);
    assert.equal(shareExceeds(sample(3, 3), 500_000), false);
    assert.equal(shareExceeds(sample(0, 0), 0), false);
    assert.equal(shareExceeds(sample(1_000, 1_000_000), 500_000), false);
  });
  test("the lower bound for people is the formula rounded down", () => {
    for (const [spam, mail] of [
      [0, 10],
      [5, 10],
      [9, 10],
      [80, 100],
      [1_000, 1_000_000],
    ] as const)
      assert.equal(shareLowerBound(sample(spam, mail)), Math.max(0, Math.floor(wilson(spam, mail) * 10_000 - 1e-9)));
  });
  test("more spam than mail, as after forgetting, counts as all spam", () => {
    assert.equal(shareLowerBound(sample(8, 2)), shareLowerBound(sample(8, 8)));
  });
});
