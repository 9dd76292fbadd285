import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { boundText, parseBound } from "./setting-bound.ts";

describe("bounds of settings on the command line", () => {
  const cases: readonly (readonly [text: string, bound: unknown])[] = [
    ["65536..20971520", { min: 65_536, max: 20_971_520 }],
    ["..100", { max: 100 }],
    ["0..", { min: 0 }],
    ["none,addresses", { allowed: ["none", "addresses"] }],
    ["folder", { allowed: ["folder"] }],
    ["true", { allowed: [true] }],
    ["..", undefined],
    ["", undefined],
    ["a,,b", undefined],
  ];
  for (const [text, bound] of cases) {
    test(`"${text}"`, () => {
      assert.deepEqual(parseBound(text), bound);
      if (bound === undefined) return;
      const shown = { scope: "platform", locked: false, min: null, max: null, allowed: null, ...bound };
      assert.equal(boundText(shown), text, "what is shown can be set again");
    });
  }

  test("a lock", () => {
    assert.equal(boundText({ scope: "platform", locked: true, min: null, max: null, allowed: null }), "locked");
  });
});
