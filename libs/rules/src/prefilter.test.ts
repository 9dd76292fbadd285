import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RuleCache } from "./compile-rules.ts";
import { composed, foldCase } from "./fold-case.ts";
import { LiteralScanner } from "./literal-scanner.ts";
import { contentTestKey, matchContent } from "./match-content.ts";
import { compilePattern } from "./pattern-cache.ts";
import { requiredLiteral } from "./required-literal.ts";
import type { Rule, TextTest } from "./rule.ts";
import { plainInput, runWhole, scopeOf } from "./rules-test-world.ts";

// Few letters, so that things match; and the ones that fold in odd ways.
const letters = fc.constantFrom(
  "a",
  "b",
  "A",
  "s",
  "S",
  "\u017f",
  "k",
  "\u212a",
  "σ",
  "ς",
  "Σ",
  "e",
  "\u0301",
  "é",
  " ",
  "İ",
  "ß",
);
const text = (maxLength: number) => fc.string({ unit: letters, minLength: 1, maxLength });

// Patterns by grammar, with all that might tempt a literal finder to be sure of too much.
const { pattern } = fc.letrec<{ pattern: string }>((tie) => {
  const atom = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("a", "b", "ab", "abs", "ska", "s", "k", "e", "\\.", "sab") },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ".",
        "\\w",
        "[ab]",
        "[^s]",
        "\\b",
        "[[:alpha:]]",
        "\\x61",
        "(?i)",
        "(?-i)",
        "^",
        "\\Qab\\E",
      ),
    },
    { weight: 2, arbitrary: tie("pattern").map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: tie("pattern").map((inner) => `(?:${inner})`) },
  );
  const piece = fc.tuple(atom, fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,1}", "*?")).map(([a, q]) => a + q);
  const sequence = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(""));
  return {
    pattern: fc.oneof(
      { maxDepth: 2 },
      { weight: 4, arbitrary: sequence },
      { weight: 1, arbitrary: fc.tuple(sequence, sequence).map(([a, b]) => `${a}|${b}`) },
    ),
  };
});

function compiles(source: string): boolean {
  try {
    return compilePattern(source, false).instructions > 0;
  } catch {
    return false;
  }
}

describe("required literals", () => {
  const table: readonly (readonly [pattern: string, literal: string | undefined])[] = [
    ["cheap refi", "cheap refi"],
    ["^Cheap\\s+pills$", "cheap"],
    ["colou?red", "colo"],
    ["abc+def", "abc"],
    ["abcd{0,3}", "abc"],
    ["(free)?money", "money"],
    ["free|money", undefined],
    ["(?i)money", undefined],
    ["[mM]oney", "oney"],
    ["ab", undefined],
    ["www\\.bad\\.example", "www.bad.example"],
    ["\\x41bcd", undefined],
    ["(a|b)cde(f|g)", "cde"],
  ];
  for (const [source, literal] of table) {
    test(`${source} needs ${literal ?? "nothing certain"}`, () => assert.equal(requiredLiteral(source), literal));
  }
  test("every match of a pattern contains its literal", () => {
    let tried = 0;
    fc.assert(
      fc.property(
        pattern,
        fc.boolean(),
        fc.array(text(12), { minLength: 4, maxLength: 12 }),
        (source, sensitive, texts) => {
          const literal = requiredLiteral(source);
          if (literal === undefined || !compiles(source)) return;
          const compiled = compilePattern(source, sensitive);
          for (const raw of [...texts, `xab${texts[0]}ska`, `abs${texts[1]}sab`, "absska", "abab.", "sabsab"]) {
            const whole = composed(raw);
            if (!compiled.test(whole)) continue;
            tried += 1;
            assert.ok(foldCase(whole).includes(literal), `${source} on ${JSON.stringify(raw)} without ${literal}`);
          }
        },
      ),
      { numRuns: 2_000 },
    );
    assert.ok(tried > 50, `only ${tried} matches were looked at`);
  });
});

describe("literal scanner", () => {
  test("finds what includes() finds; more only where a literal is longer than its prefix", () => {
    fc.assert(
      fc.property(fc.uniqueArray(text(5), { minLength: 1, maxLength: 30 }), text(60), (literals, haystack) => {
        const found = new LiteralScanner(literals).scan(haystack);
        for (const [index, literal] of literals.entries()) {
          assert.equal(found[index] === 1, haystack.includes(literal), literal);
        }
      }),
      { numRuns: 500 },
    );
    // Two letters make literals end inside one another.
    const dense = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength });
    fc.assert(
      fc.property(fc.uniqueArray(dense(6), { minLength: 1, maxLength: 6 }), dense(12), (literals, haystack) => {
        const found = [...new LiteralScanner(literals).scan(haystack)];
        assert.deepEqual(
          found,
          literals.map((literal) => (haystack.includes(literal) ? 1 : 0)),
        );
      }),
      { numRuns: 1_000 },
    );
    const long = [`${"x".repeat(24)}one`, `${"x".repeat(24)}two`];
    assert.deepEqual([...new LiteralScanner(long).scan("x".repeat(24))], [1, 1]);
  });
});

describe("the prefilter never changes a result", () => {
  const operators = fc.constantFrom("contains", "equals", "startsWith", "endsWith", "matches") as fc.Arbitrary<
    TextTest["operator"]
  >;
  const sources = pattern.filter(compiles);
  const testOf = (field: TextTest["field"]): fc.Arbitrary<TextTest> =>
    fc
      .tuple(operators, fc.array(text(4), { minLength: 1, maxLength: 2 }), sources, fc.boolean())
      .map(([operator, values, source, sensitive]) => ({
        field,
        operator,
        values: operator === "matches" ? [source] : values.map(composed),
        ...(sensitive ? { caseSensitive: true as const } : {}),
      }));
  test("of envelope and header rules", () => {
    const fields = fc.constantFrom("subject", "from", "anyHeader", "sender") as fc.Arbitrary<TextTest["field"]>;
    const rules = fc.array(fields.chain(testOf), { minLength: 24, maxLength: 40 }).map((tests) =>
      tests.map(
        (condition, index): Rule => ({
          name: `r${index}`,
          all: index % 3 === 0 ? [{ not: condition }] : [condition],
          actions: [{ do: "tag", text: "t" }],
        }),
      ),
    );
    fc.assert(
      fc.property(rules, text(30), text(10), (list, subject, from) => {
        const input = {
          ...plainInput,
          sender: from,
          headers: [
            { name: "Subject", value: subject },
            { name: "From", value: from },
          ],
        };
        const run = (cache: RuleCache) => runWhole([scopeOf("tenant", list)], input, undefined, cache);
        const without = run(new RuleCache({ prefilter: false }));
        // Built before the first comparison, in the middle of a run, and later than this.
        for (const scannerAfter of [0, 20, 20_000]) {
          const cache = new RuleCache({ scannerAfter });
          assert.deepEqual(run(cache), without);
          assert.deepEqual(run(cache), without);
        }
      }),
      { numRuns: 150 },
    );
  });
  test("a budget that is spent leaves the same rules open, whether the scanner is there or not", () => {
    const rules = Array.from({ length: 40 }, (_, index): Rule => {
      const values = index % 2 === 0 ? ["(ab|ba){100,200}x{200}"] : ["word(ab|ba){100,150}x{200}"];
      const all = [{ field: "anyHeader", operator: "matches", values } as const];
      return { name: `r${index}`, all, actions: [{ do: "tag", text: "t" }] };
    });
    const headers = Array.from({ length: 60 }, (_, at) => ({
      name: `X-${at}`,
      value: at % 2 === 0 ? "ab".repeat(40) : `word ${"ab".repeat(40)}`,
    }));
    const [early, late] = [0, 1_000_000].map((scannerAfter) =>
      runWhole([scopeOf("tenant", rules)], { ...plainInput, headers }, undefined, new RuleCache({ scannerAfter })),
    );
    assert.deepEqual(early, late);
    assert.ok((early?.undecided.length ?? 0) > 0);
  });
  test("a pattern that was stored and is none any more leaves its rule open", () => {
    const all = [{ field: "subject", operator: "matches", values: ["(cheap"] } as const];
    const rules: readonly Rule[] = [
      { name: "broken", all, actions: [{ do: "discard" }] },
      { name: "broken, not", all: [{ not: all[0] as TextTest }], actions: [{ do: "discard" }] },
    ];
    const outcome = runWhole([scopeOf("tenant", rules)]);
    assert.deepEqual([outcome.undecided.map(({ rule }) => rule), outcome.actions], [["broken", "broken, not"], []]);
    const body = { field: "body", operator: "matches", values: ["(cheap"] } as const;
    const answers = matchContent({ texts: ["cheap"], attachmentNames: [] }, [body], { budgetMs: 9, now: () => 0 });
    assert.deepEqual(answers, [{ result: "undecided" }]);
  });
  test("of content tests: many together answer as each alone", () => {
    const tests = fc.uniqueArray(testOf("body"), {
      minLength: 4,
      maxLength: 12,
      selector: (entry) => contentTestKey(entry as never),
    });
    fc.assert(
      fc.property(tests, fc.array(text(40), { maxLength: 3 }), (list, texts) => {
        const content = { texts, attachmentNames: [] };
        const budget = { budgetMs: 1_000, now: () => 0 };
        const together = matchContent(content, list as never, budget);
        const alone = list.flatMap((entry) => matchContent(content, [entry] as never, budget));
        assert.deepEqual(together, alone);
      }),
      { numRuns: 150 },
    );
  });
});
