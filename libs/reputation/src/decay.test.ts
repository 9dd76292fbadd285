import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decay, decaysBelow } from "./decay.ts";

const bits = 160n;
const one = 1n << bits;

/** ln 2 = sum of 1 / (k 2^k), in units of 2^-160. */
const ln2 = (() => {
  let sum = 0n;
  for (let k = 1n; k <= bits; k++) sum += (one >> k) / k;
  return sum;
})();

/** value * 2^(-elapsed / halfLife) by the series of exp over big rationals: shares nothing with the table. Units of 2^-160. */
function reference(value: number, elapsedMs: number, halfLifeMs: number): bigint {
  const halves = BigInt(Math.floor(elapsedMs / halfLifeMs));
  const x = (ln2 * BigInt(elapsedMs % halfLifeMs)) / BigInt(halfLifeMs);
  let term = one;
  let sum = one;
  for (let k = 1n; k < 60n; k++) {
    term = -(term * x) / (one * k);
    sum += term;
  }
  return (BigInt(value) * sum) >> halves;
}

const values = fc.oneof(fc.integer({ min: 0, max: 40_000_000_000 }), fc.maxSafeInteger().map(Math.abs));
const halfLives = fc.integer({ min: 3_600_000, max: 90 * 86_400_000 });
const times = fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 400 * 86_400_000 }));

describe("decay", () => {
  test("differs from the exact value by at most half a unit plus value * 2^-40", () => {
    fc.assert(
      fc.property(values, times, halfLives, (value, elapsed, halfLife) => {
        const error = (BigInt(decay(value, elapsed, halfLife)) << bits) - reference(value, elapsed, halfLife);
        const allowed = (one >> 1n) + ((BigInt(value) << bits) >> 40n);
        assert.ok((error < 0n ? -error : error) <= allowed, `${value} after ${elapsed} of ${halfLife}`);
      }),
      { numRuns: 3_000 },
    );
  });

  test("never rises as time passes, not even over a digit of the table", () => {
    fc.assert(
      fc.property(values, times, halfLives, fc.integer({ min: 1, max: 5_000 }), (value, elapsed, halfLife, more) => {
        assert.ok(decay(value, elapsed + more, halfLife) <= decay(value, elapsed, halfLife));
      }),
      { numRuns: 3_000 },
    );
    for (let part = 1; part < 256; part++) {
      const at = Math.floor((part * 604_800_000) / 256);
      assert.ok(decay(Number.MAX_SAFE_INTEGER, at + 1, 604_800_000) < decay(Number.MAX_SAFE_INTEGER, at, 604_800_000));
    }
  });

  test("halves exactly after each half-life", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 40].map((n) => decay(2 ** 40, n * 1_000_000_000, 1_000_000_000)),
      [2 ** 40, 2 ** 39, 2 ** 38, 2 ** 37, 1],
    );
    assert.equal(decay(2 ** 40, 64 * 3_600_000, 3_600_000), 0);
  });

  test("decaysBelow is the first millisecond below the floor", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40_000_000_000 }),
        halfLives,
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (value, halfLife, part) => {
          const floor = Math.max(1, Math.ceil(value * part));
          const time = decaysBelow(value, floor, halfLife);
          assert.ok(decay(value, time, halfLife) < floor);
          assert.ok(time === 0 || decay(value, time - 1, halfLife) >= floor);
        },
      ),
      { numRuns: 500 },
    );
  });
});
