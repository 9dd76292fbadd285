import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compileRules, RuleCache } from "./compile-rules.ts";
import { ruleScopes } from "./rule.ts";
import { plainContent, plainInput, ruleOf, runWhole, scopeOf } from "./rules-test-world.ts";
import { runRules } from "./run-rules.ts";

const holds = (condition: object, input = plainInput): boolean =>
  runWhole([scopeOf("tenant", [ruleOf({ all: [condition] })])], input).matched.length === 1;

describe("operators", () => {
  const table: readonly (readonly [holds: boolean, condition: object])[] = [
    [true, { field: "sender", operator: "equals", value: "ANN@news.example" }],
    [false, { field: "sender", operator: "equals", value: "ANN@news.example", caseSensitive: true }],
    [false, { field: "sender", operator: "equals", value: "news.example" }],
    [true, { field: "recipient", operator: "endsWith", value: "@customer.example" }],
    [true, { field: "from", operator: "equals", value: "ann@news.example" }],
    [true, { field: "from", operator: "startsWith", value: "ann of" }],
    [true, { field: "to", operator: "equals", value: "carl@customer.example" }],
    [true, { field: "to", operator: "endsWith", values: ["@other.example", "@customer.example"] }],
    [true, { field: "subject", operator: "contains", value: "REFI" }],
    [false, { field: "subject", operator: "contains", value: "REFI", caseSensitive: true }],
    [true, { field: "subject", operator: "startsWith", value: "cheap" }],
    [false, { field: "subject", operator: "endsWith", value: "cheap" }],
    [true, { field: "subject", operator: "matches", value: "^cheap\\s+r[ea]fi\\b" }],
    [false, { field: "subject", operator: "matches", value: "cheap", caseSensitive: true }],
    [true, { field: "header", header: "x-mailer", operator: "exists" }],
    [false, { field: "header", header: "X-Other", operator: "exists" }],
    [true, { not: { field: "header", header: "X-Other", operator: "contains", value: "a" } }],
    [true, { field: "header", header: "Received", operator: "contains", value: "from b" }],
    [true, { field: "anyHeader", operator: "matches", value: "^x-mailer: blaster" }],
    [true, { field: "body", operator: "contains", value: "PILLS today" }],
    [false, { field: "body", operator: "contains", value: "pills\ttoday".replace("\t", "  ") }],
    [true, { field: "body", operator: "matches", value: "^buy p[i1]lls" }],
    [true, { field: "body", operator: "exists" }],
    [true, { field: "attachmentName", operator: "endsWith", values: [".exe", ".scr"] }],
    [false, { field: "attachmentName", operator: "equals", value: "invoice.pdf" }],
    [true, { field: "spf", operator: "equals", value: "pass" }],
    [false, { field: "dkim", operator: "exists" }],
    [true, { not: { field: "dmarc", operator: "equals", value: "pass" } }],
    [true, { field: "size", operator: "greaterThan", value: 4_999 }],
    [false, { field: "size", operator: "greaterThan", value: 5_000 }],
    [true, { field: "size", operator: "atLeast", value: 5_000 }],
    [false, { field: "size", operator: "lessThan", value: 5_000 }],
    [true, { field: "size", operator: "atMost", value: 5_000 }],
    [true, { field: "score", operator: "equals", value: 4.5 }],
    [
      true,
      {
        any: [
          { field: "score", operator: "atLeast", value: 9 },
          { field: "size", operator: "atLeast", value: 1 },
        ],
      },
    ],
    [
      false,
      {
        all: [
          { field: "score", operator: "atLeast", value: 9 },
          { field: "size", operator: "atLeast", value: 1 },
        ],
      },
    ],
  ];
  for (const [expected, condition] of table) {
    test(`${JSON.stringify(condition)} ${expected ? "holds" : "does not hold"}`, () => {
      assert.equal(holds(condition), expected);
    });
  }
  test("a score not yet known satisfies no comparison", () => {
    const { score: _, ...unscored } = plainInput;
    assert.equal(holds({ field: "score", operator: "atMost", value: 100 }, unscored), false);
  });
  test("letters that fold together, and letters typed as two code points, are found", () => {
    const input = { ...plainInput, headers: [{ name: "Subject", value: "Ὀδυσσεύς cafe\u0301 \u017fale" }] };
    assert.ok(holds({ field: "subject", operator: "contains", value: "ΣΕΎΣ" }, input));
    assert.ok(holds({ field: "subject", operator: "contains", value: "CAFÉ" }, input));
    assert.ok(holds({ field: "subject", operator: "contains", value: "sale" }, input));
  });
});

describe("two passes", () => {
  const body = { field: "body", operator: "contains", value: "pills" };
  const never = { field: "subject", operator: "contains", value: "absent" };
  const first = (...rules: readonly object[]) =>
    runRules(
      compileRules(
        [
          scopeOf(
            "tenant",
            rules.map((json, index) => ruleOf({ name: `r${index}`, ...json })),
          ),
        ],
        new RuleCache(),
      ),
      plainInput,
    );
  test("content is asked for only where it can decide", () => {
    assert.equal(first({ all: [never, body] }).needsContent.length, 0);
    assert.equal(first({ all: [body, never] }).needsContent.length, 0);
    assert.equal(first({ any: [body, { not: never }] }).needsContent.length, 0);
    assert.equal(first({ all: [body, { not: never }] }).needsContent.length, 1);
    assert.equal(first({ all: [{ not: body }] }).needsContent.length, 1);
    assert.equal(first({ all: [], actions: [{ do: "stop" }] }, { all: [body] }).needsContent.length, 0);
  });
  test("equal tests are asked once, and nothing is done before they are answered", () => {
    const outcome = first({ all: [] }, { all: [body] }, { any: [body] }, { all: [{ not: body }] });
    assert.equal(outcome.needsContent.length, 1);
    assert.deepEqual(outcome.actions, []);
  });
  test("answers left open leave their rules open, and others go on", () => {
    const rules = [ruleOf({ name: "open", all: [body] }), ruleOf({ name: "sure", all: [] })];
    const outcome = runRules(compileRules([scopeOf("tenant", rules)], new RuleCache()), {
      ...plainInput,
      content: new Map(),
    });
    assert.deepEqual(outcome.undecided, [{ rule: "open", scope: "tenant" }]);
    assert.deepEqual(
      outcome.matched.map(({ rule }) => rule.name),
      ["sure"],
    );
  });
  test("the line that matched is named", () => {
    const line = (condition: object) => runWhole([scopeOf("tenant", [ruleOf({ all: [condition] })])]).matched[0]?.line;
    assert.deepEqual(line(body), { field: "body", number: 2, text: "buy pills today" });
    assert.deepEqual(line({ field: "body", operator: "matches", value: "second" }), {
      field: "body",
      number: 4,
      text: "second part",
    });
    assert.deepEqual(line({ field: "from", operator: "equals", value: "ann@news.example" }), {
      field: "from",
      text: "From: Ann Of News <ann@news.example>",
    });
    assert.equal(line({ field: "size", operator: "atLeast", value: 1 }), undefined);
  });
});

describe("scopes", () => {
  test("platform first, mailbox last, whatever order they are given in", () => {
    const scopes = [...ruleScopes].reverse().map((scope) => scopeOf(scope, [ruleOf({ name: scope, all: [] })]));
    assert.deepEqual(
      runWhole(scopes).matched.map(({ scope }) => scope),
      ruleScopes,
    );
  });
  test("outbound rules run on outbound mail only, and never those of domain or mailbox", () => {
    const rules = [ruleOf({ name: "in", all: [] }), ruleOf({ name: "out", direction: "outbound", all: [] })];
    const scopes = ruleScopes.map((scope) => scopeOf(scope, rules));
    const outcome = runWhole(scopes, { ...plainInput, direction: "outbound" });
    assert.deepEqual(
      outcome.matched.map(({ rule, scope }) => `${scope} ${rule.name}`),
      ["platform out", "reseller out", "tenant out"],
    );
  });
  test("stop, over generated scope trees, equals its model", () => {
    const entry = fc.record({
      hit: fc.boolean(),
      content: fc.boolean(),
      enabled: fc.boolean(),
      stop: fc.constantFrom(undefined, "scope" as const, "lower" as const),
    });
    fc.assert(
      fc.property(fc.array(fc.array(entry, { maxLength: 5 }), { minLength: 5, maxLength: 5 }), (tree) => {
        const scopes = ruleScopes.map((scope, at) =>
          scopeOf(
            scope,
            (tree[at] ?? []).map(({ hit, content, enabled, stop }, index) => {
              const test = content
                ? { field: "body", operator: "contains", value: hit ? "pills" : "absent" }
                : { field: "subject", operator: "contains", value: hit ? "refi" : "absent" };
              const actions = [
                { do: "tag", text: "t" },
                ...(stop === undefined ? [] : [{ do: "stop", lowerScopes: stop === "lower" }]),
              ];
              return ruleOf({ name: `r${index}`, enabled, all: [test], actions });
            }),
          ),
        );
        const expected: string[] = [];
        walk: for (const [at, rules] of tree.entries()) {
          for (const [index, { hit, enabled, stop }] of rules.entries()) {
            if (!hit || !enabled) continue;
            expected.push(`${ruleScopes[at]} r${index}`);
            if (stop === "lower") break walk;
            if (stop === "scope") break;
          }
        }
        const { matched, actions } = runWhole(scopes);
        assert.deepEqual(
          matched.map(({ rule, scope }) => `${scope} ${rule.name}`),
          expected,
        );
        assert.equal(actions.length, expected.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe("actions fit together", () => {
  const run = (lists: readonly (readonly object[])[], held = false) => {
    const scopes = lists.map((actions, at) => scopeOf(ruleScopes[at]!, [ruleOf({ all: [], actions })]));
    const { actions, dropped } = runWhole(scopes, { ...plainInput, held });
    return {
      done: actions.map(({ action }) => action),
      dropped: dropped.map(({ action, why }) => `${action.do} ${why}`),
    };
  };
  test("the first disposition stands, the last folder stands", () => {
    const { done, dropped } = run([
      [{ do: "quarantine" }, { do: "file", folder: "A" }],
      [{ do: "discard" }],
      [{ do: "file", folder: "B" }],
    ]);
    assert.deepEqual(done, [{ do: "quarantine" }, { do: "file", folder: "B" }]);
    assert.deepEqual(dropped, ["file filed-below", "discard decided-above"]);
  });
  test("held mail is never sent on, whoever holds it and in whatever order", () => {
    const redirect = { do: "redirect", to: ["x@y.example"] };
    for (const hold of ["quarantine", "reject", "discard"]) {
      assert.deepEqual(run([[redirect], [{ do: hold }]]).dropped, ["redirect held"]);
      assert.deepEqual(run([[{ do: hold }], [redirect]]).dropped, ["redirect held"]);
    }
    assert.deepEqual(run([[redirect]], true), { done: [], dropped: ["redirect held"] });
    assert.deepEqual(run([[redirect]]).dropped, []);
  });
  test("at most 20 targets over all rules, each once", () => {
    const to = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => `u${from + index}@y.example`);
    const { done, dropped } = run([
      [{ do: "redirect", to: to(0, 15) }],
      [{ do: "forward", to: ["U3@y.example", ...to(10, 15)] }],
    ]);
    assert.deepEqual(done[1], { do: "forward", to: to(15, 5) });
    assert.deepEqual(dropped, ["forward targets-spent"]);
  });
});

describe("bounds", () => {
  test("patterns that cost backtracking engines ages are linear, in header and body", () => {
    const evil = ["(a+)+$", "(a|a)*b", "^(a?){60}a{60}$", "(.*a){15}b", "(x+x+)+y", "([a-z]+)*\\d"];
    const rules = evil.map((value, index) =>
      ruleOf({
        name: `r${index}`,
        any: [
          { field: "subject", operator: "matches", value },
          { field: "body", operator: "matches", value },
        ],
      }),
    );
    const run = (length: number): number => {
      const text = "a".repeat(length);
      const start = performance.now();
      runWhole(
        [scopeOf("tenant", rules)],
        { ...plainInput, headers: [{ name: "Subject", value: `${text}!` }] },
        { texts: [`${text}!`], attachmentNames: [] },
      );
      return performance.now() - start;
    };
    run(1_000);
    assert.ok(run(262_144) < 5_000);
  });
  test("header patterns spend at most their budget and leave the rest open, the same each time", () => {
    const rules = Array.from({ length: 200 }, (_, index) =>
      ruleOf({
        name: `r${index}`,
        all: [{ field: "subject", operator: "matches", value: `(a|b)*a(a|b){40}${index}z` }],
      }),
    );
    const input = { ...plainInput, headers: [{ name: "Subject", value: "ab".repeat(2_000) }] };
    const start = performance.now();
    const outcome = runWhole([scopeOf("tenant", rules)], input);
    assert.ok(performance.now() - start < 2_000);
    assert.ok(outcome.undecided.length > 0 && outcome.undecided.length < 200);
    assert.deepEqual(runWhole([scopeOf("tenant", rules)], input), outcome);
  });
  test("the cache stays within its weight and answers as before", () => {
    const cache = new RuleCache({ scopeWeightMax: 2_000, instructionsMax: 500 });
    for (let index = 0; index < 100; index += 1) {
      const rules = [
        ruleOf({
          all: [{ field: "subject", operator: "matches", value: `refi.*${index % 10 === 0 ? "now" : index}` }],
        }),
      ];
      const scope = { ...scopeOf("tenant", rules), scopeId: `ten_${index}` };
      assert.equal(runWhole([scope], plainInput, plainContent, cache).matched.length, index % 10 === 0 ? 1 : 0);
    }
    assert.ok(cache.patterns.size < 20);
  });
});
