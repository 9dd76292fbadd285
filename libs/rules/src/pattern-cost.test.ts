import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseRule, parseRules } from "./parse-rule.ts";
import { compilePattern } from "./pattern-cache.ts";
import { patternCost } from "./pattern-cost.ts";
import { ruleLimits } from "./rule.ts";

const ruleOf = (name: string, values: readonly string[]) => ({
  name,
  all: [{ field: "body", operator: "matches", values }],
  actions: [{ do: "quarantine" }],
});

describe("patternCost", () => {
  const costly: readonly string[] = [
    "(a?){1000}".repeat(51),
    "\\p{L}{999}".repeat(46),
    "(?:a|b|c|d|e){1000}".repeat(26),
    `(${"abcdefgh".repeat(55)}){1000}`,
    "\\p{L}".repeat(80),
    `[${"\\p{L}".repeat(80)}]`,
    `[${"b-\u{1E943}".repeat(80)}]`,
    "[b-\u{10FFF}]".repeat(40),
    "[\\x{62}-\\x{1E943}]".repeat(25),
    // Brackets that are text do not hide what comes after them.
    `\\Q[\\E${"a{999}".repeat(80)}]`,
    `\\Q(\\E)${"a{999}".repeat(80)}`,
    `[]${"]a{999}".repeat(60)}`,
    `\\[${"a{999}".repeat(80)}]`,
  ];
  for (const pattern of costly) {
    test(`${pattern.slice(0, 40)}... is weighed, not compiled`, () => {
      assert.ok(patternCost(pattern) > ruleLimits.patternCost, String(patternCost(pattern)));
      const { problems } = parseRule(ruleOf("r", [pattern.slice(0, 512)]));
      assert.match(problems?.[0]?.message ?? "", /^too costly/);
    });
  }

  test("what people write is cheap", () => {
    for (const pattern of [
      "\\boffer-17\\b.*(today|now)",
      "^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$",
      "\\b(?:[0-9]{4}[ -]?){4}\\b",
      "\\p{L}{2,30}\\s+v[i1l|!][a@]gr[a@]",
      "[\u4e00-\u9fff]{3,}",
      "[\\w.-]{1,64}\\.(exe|scr|pif|js|vbs)$",
    ]) {
      assert.ok(patternCost(pattern) < ruleLimits.patternCost / 2, `${pattern}: ${patternCost(pattern)}`);
      assert.equal(parseRule(ruleOf("r", [pattern])).problems, undefined);
    }
  });

  test("it is never much lower than the instructions that come out", () => {
    const atom = fc.constantFrom(
      "a",
      "é",
      ".",
      "\\d",
      "\\pL",
      "[a-z]",
      "[^\\]x]",
      "[]a]",
      "\\x{41}",
      "\\Q{2}(\\E",
      "(?:)",
    );
    const repeat = fc.constantFrom("", "*", "+?", "?", "{3}", "{2,5}", "{4,}", "{0}", "{,2}");
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        fc.tuple(atom, repeat).map(([one, times]) => one + times),
        fc.tuple(tie("pattern"), tie("pattern")).map(([left, right]) => left + right),
        fc.tuple(tie("pattern"), tie("pattern")).map(([left, right]) => `${left}|${right}`),
        fc.tuple(tie("pattern"), repeat).map(([inner, times]) => `(${inner})${times}`),
      ),
    }));
    fc.assert(
      fc.property(pattern, (text) => {
        let instructions = 0;
        try {
          instructions = compilePattern(text, false).instructions;
        } catch {
          return;
        }
        assert.ok(instructions <= 3 * patternCost(text), `${text}: ${instructions}, ${patternCost(text)}`);
      }),
    );
  });

  test("a scope's patterns are bounded together, and none is compiled beyond", () => {
    const pattern = (index: number) => `word${index} \\p{L}+`;
    const perRule = Array.from({ length: 10 }, (_, index) => pattern(index));
    const most = Math.floor(ruleLimits.patternCostPerScope / patternCost(pattern(0)) / 10);
    const rules = (count: number) => Array.from({ length: count }, (_, index) => ruleOf(`r${index}`, perRule));
    assert.equal(parseRules(rules(most)).problems, undefined);
    const { problems = [] } = parseRules(rules(200));
    assert.deepEqual(
      problems.map(({ code, path }) => [code, path.slice(0, 5)]),
      [["TOO_MANY", `[${most}].`.slice(0, 5)]],
    );
  });
});
