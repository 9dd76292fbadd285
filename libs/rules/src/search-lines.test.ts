import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ContentTest, contentCharactersMax, matchContent } from "./match-content.ts";
import { compilePattern } from "./pattern-cache.ts";
import { searchLines } from "./search-lines.ts";

const never = (): boolean => false;

describe("searchLines", () => {
  // 900 instructions and more: pieces of at most 444 characters.
  const heavy = (pattern: string) => compilePattern(`(?:${pattern}|q{900}Q)`, true);

  test("finds in pieces what it finds in the whole, at line starts and ends, too", () => {
    const lines = fc.array(fc.stringMatching(/^[abc ]{0,60}$/), { minLength: 30, maxLength: 60 });
    const patterns = fc.constantFrom("^a+$", "cab", "\\bab\\b", "a\\nb", "^c.*c$", "aaaaaa", "b\\s+c");
    fc.assert(
      fc.property(lines, patterns, (list, pattern) => {
        const text = list.join("\n");
        const compiled = heavy(pattern);
        assert.equal(searchLines(compiled, text, never), compiled.test(text));
      }),
      { numRuns: 200 },
    );
  });

  test("a line too long for the pattern, or a pattern that needs the whole text, leaves it open", () => {
    assert.equal(searchLines(heavy("z"), "a".repeat(5_000), never), undefined);
    assert.equal(searchLines(heavy("z"), `${"a".repeat(5_000)}\nz`, never), true);
    const text = "line\n".repeat(1_000);
    assert.equal(searchLines(heavy("z"), text, never), false);
    for (const whole of ["\\Az", "z\\z", "(?s)l.*z", "(?-m)^z", "(?is:l.*z)"]) {
      assert.equal(searchLines(heavy(whole), text, never), undefined, whole);
      assert.equal(searchLines(heavy(whole), "short", never), false, whole);
    }
  });

  test("a dear pattern is left open soon, and the tests after it are answered", () => {
    const letters = Array.from({ length: contentCharactersMax }, (_, at) => {
      if (at % 500 === 499) return "\n";
      return Math.imul(at + 1, 0x9e3779b1) >>> 31 === 1 ? "a" : "b";
    }).join("");
    const tests: readonly ContentTest[] = [
      { field: "body", operator: "matches", values: ["(?:a?b?){150}a[ab]{100}\\d"] },
      { field: "body", operator: "matches", values: ["(?:a?b?){150}b[ab]{100}\\d"] },
      { field: "body", operator: "contains", values: ["ab"] },
    ];
    const startedAt = performance.now();
    // Each look at this clock is a millisecond.
    let at = 0;
    const now = (): number => at++;
    const [dear, , plain] = matchContent({ texts: [letters], attachmentNames: [] }, tests, { budgetMs: 50, now });
    assert.equal(dear?.result, "undecided");
    assert.equal(plain?.result, "yes");
    assert.ok(performance.now() - startedAt < 2_000);
  });
});
