import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseRule, parseRules, readStoredRule } from "./parse-rule.ts";
import { isPlainRule } from "./plain-rule.ts";
import { ruleJson, ruleLimits } from "./rule.ts";

const sound = {
  name: "Newsletters",
  all: [{ field: "subject", operator: "contains", value: "news" }],
  actions: [{ do: "file", folder: "News" }],
};
const problemsOf = (json: unknown, scope?: "mailbox"): readonly string[] =>
  (parseRule(json, scope).problems ?? []).map(({ path, code }) => `${path} ${code}`);
const condition = (test: object): object => ({ ...sound, all: [test] });
const action = (entry: object): object => ({ ...sound, actions: [entry] });

describe("parseRule", () => {
  const table: readonly (readonly [problem: string, json: unknown])[] = [
    [" NOT_AN_OBJECT", "rule"],
    [" NOT_AN_OBJECT", [sound]],
    ["name MISSING", { ...sound, name: undefined }],
    ["name TOO_LONG", { ...sound, name: "x".repeat(101) }],
    ["name BAD_VALUE", { ...sound, name: "a\nb" }],
    ["colour UNKNOWN_KEY", { ...sound, colour: "red" }],
    [" MISSING", { ...sound, any: sound.all }],
    [" MISSING", { ...sound, all: undefined }],
    ["any MISSING", { name: "a", any: [], actions: sound.actions }],
    ["actions MISSING", { ...sound, actions: [] }],
    ["direction NOT_ALLOWED", { ...sound, direction: "sideways" }],
    ["enabled BAD_VALUE", { ...sound, enabled: "no" }],
    ["all[0].field NOT_ALLOWED", condition({ field: "colour", operator: "contains", value: "x" })],
    ["all[0].operator NOT_ALLOWED", condition({ field: "subject", operator: "lessThan", value: "x" })],
    ["all[0].operator NOT_ALLOWED", condition({ field: "size", operator: "contains", value: 1 })],
    ["all[0].value BAD_VALUE", condition({ field: "size", operator: "atLeast", value: "1 MB" })],
    ["all[0].value MISSING", condition({ field: "subject", operator: "contains" })],
    [
      "all[0].values[1] TOO_LONG",
      condition({ field: "subject", operator: "contains", values: ["a", "x".repeat(256)] }),
    ],
    ["all[0].values TOO_MANY", condition({ field: "subject", operator: "contains", values: Array(101).fill("a") })],
    ["all[0].header MISSING", condition({ field: "header", operator: "exists" })],
    ["all[0].header BAD_VALUE", condition({ field: "header", header: "a:b", operator: "exists" })],
    ["all[0].header NOT_ALLOWED", condition({ field: "subject", header: "x", operator: "exists" })],
    ["all[0].value BAD_PATTERN", condition({ field: "subject", operator: "matches", value: "(a" })],
    ["all[0].value BAD_PATTERN", condition({ field: "subject", operator: "matches", value: "(?=a)b" })],
    ["all[0].value BAD_PATTERN", condition({ field: "subject", operator: "matches", value: "(a{30}){33}b{100}" })],
    ["all[0].vlaue UNKNOWN_KEY", condition({ field: "subject", operator: "exists", vlaue: "x" })],
    ["all[0].not.field NOT_ALLOWED", condition({ not: { field: "x", operator: "exists" } })],
    ["all[0].any MISSING", condition({ any: [] })],
    [
      "all[0].caseSensitive BAD_VALUE",
      condition({ field: "subject", operator: "contains", value: "x", caseSensitive: "yes" }),
    ],
    ["actions[0].lowerScopes BAD_VALUE", action({ do: "stop", lowerScopes: 1 })],
    ["actions[0].do NOT_ALLOWED", action({ do: "explode" })],
    ["actions[0].name NOT_ALLOWED", action({ do: "header", name: "Received", value: "x" })],
    ["actions[0].value BAD_VALUE", action({ do: "header", name: "X-A", value: "x\r\nBcc: all@x.example" })],
    [
      "actions[0].to TOO_MANY",
      action({ do: "redirect", to: Array.from({ length: 21 }, (_, index) => `u${index}@x.example`) }),
    ],
    ["actions[0].to[0] BAD_VALUE", action({ do: "redirect", to: ["@a.example:b@c.example"] })],
    ["actions[0].to[0] BAD_VALUE", action({ do: "forward", to: ["nobody"] })],
    ["actions[0].text BAD_VALUE", action({ do: "reject", text: "naïve" })],
    ["actions[0].flag BAD_VALUE", action({ do: "flag", flag: "\\Deleted" })],
    ["actions[0].folder UNKNOWN_KEY", action({ do: "discard", folder: "x" })],
    ["actions[0].do NOT_ALLOWED", { ...sound, direction: "outbound" }],
  ];
  for (const [problem, json] of table) {
    test(`${problem}: ${JSON.stringify(json)?.slice(0, 90)}`, () =>
      assert.ok(problemsOf(json).includes(problem), problemsOf(json).join("; ")));
  }
  test("outbound rules of a mailbox are refused", () => {
    const json = { ...sound, direction: "outbound", actions: [{ do: "reject" }] };
    assert.deepEqual(problemsOf(json, "mailbox"), ["direction NOT_ALLOWED"]);
    assert.deepEqual(problemsOf(json), []);
  });
  test("depth and number of tests are bounded", () => {
    let deep: object = { field: "subject", operator: "exists" };
    for (let level = 0; level < 30; level += 1) deep = { not: deep };
    assert.ok(problemsOf(condition(deep)).some((problem) => problem.endsWith("TOO_MANY")));
    const wide = { any: Array(30).fill({ field: "subject", operator: "exists" }) };
    assert.deepEqual(problemsOf({ ...sound, all: [wide] }), []);
    assert.ok(problemsOf({ ...sound, all: [wide, wide] }).some((problem) => problem.endsWith("TOO_MANY")));
  });
  test("one canonical form, whatever order and defaults it was written with", () => {
    const written = {
      actions: [{ folder: "News", do: "file" }],
      enabled: true,
      direction: "inbound",
      all: [{ value: "news", caseSensitive: false, operator: "contains", field: "subject" }],
      name: "Newsletters",
    };
    const canonical = `{"name":"Newsletters","all":[{"field":"subject","operator":"contains","values":["news"]}],"actions":[{"do":"file","folder":"News"}]}`;
    for (const json of [written, sound, JSON.parse(canonical)]) {
      const { rule } = parseRule(json);
      assert.equal(rule === undefined ? undefined : ruleJson(rule), canonical);
    }
  });
  test("any JSON gets a rule or problems, and a rule reads as itself again", () => {
    const test = fc.record(
      {
        field: fc.constantFrom("subject", "body", "size", "header"),
        operator: fc.constantFrom("contains", "exists", "atLeast"),
        value: fc.constantFrom("a", 1),
        header: fc.constantFrom("x-a", undefined),
      },
      { requiredKeys: ["field", "operator"] },
    );
    const rule = fc.record({
      name: fc.constantFrom("a", ""),
      all: fc.array(fc.oneof(test, fc.record({ not: test }), fc.record({ any: fc.array(test, { maxLength: 2 }) }))),
      actions: fc.array(
        fc.constantFrom(
          { do: "stop", lowerScopes: true },
          { do: "flag", flag: "\\seen" },
          { do: "file" },
          { do: "reject" },
        ),
        { maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(fc.oneof(rule, fc.jsonValue(), fc.anything()), (json) => {
        const parsed = parseRule(json);
        if (parsed.rule === undefined) assert.ok(parsed.problems.length > 0);
        else assert.deepEqual(parseRule(JSON.parse(ruleJson(parsed.rule))), parsed);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("parseRules", () => {
  const named = (count: number): readonly object[] =>
    Array.from({ length: count }, (_, index) => ({ ...sound, name: `r${index}` }));
  test("as many as a scope may have, each name once", () => {
    assert.equal(parseRules(named(ruleLimits.rulesPerScope)).rules?.length, 200);
    assert.deepEqual(
      parseRules(named(201)).problems?.map(({ code }) => code),
      ["TOO_MANY"],
    );
    assert.deepEqual(
      parseRules([sound, sound]).problems?.map(({ path, code }) => `${path} ${code}`),
      ["[1].name NOT_ALLOWED"],
    );
  });
  test("texts of a scope are bounded together", () => {
    const values = Array.from({ length: 100 }, (_, index) => `word${index}`);
    const big = named(51).map((rule) => ({ ...rule, all: [{ field: "subject", operator: "contains", values }] }));
    assert.deepEqual(
      parseRules(big).problems?.map(({ path, code }) => `${path} ${code}`),
      [" TOO_MANY"],
    );
  });
});

describe("a stored rule", () => {
  test("reads as it was parsed, patterns unseen; what has no form is none", () => {
    const json = {
      name: "r",
      all: [{ field: "subject", operator: "matches", value: "a+" }],
      actions: [{ do: "discard" }],
    };
    const { rule } = parseRule(json, "tenant");
    assert.deepEqual(readStoredRule(rule, "tenant"), rule);
    const broken = { ...json, all: [{ field: "subject", operator: "matches", values: ["(a"] }] };
    assert.equal(parseRule(broken).rule, undefined);
    assert.deepEqual(readStoredRule(broken)?.all, broken.all);
    for (const nonsense of [null, 1, {}, { ...json, actions: [] }, { ...json, wrong: 1 }])
      assert.equal(readStoredRule(nonsense), undefined);
  });
  test("what is taken for plain is what the reader would have read, patterns apart", () => {
    const tests = fc.constantFrom<object>(
      { field: "subject", operator: "contains", values: ["a", "b c"] },
      { field: "header", header: "x-a", operator: "equals", values: ["a"], caseSensitive: true },
      { field: "body", operator: "matches", values: ["a+"] },
      { field: "header", header: "list-id", operator: "exists" },
      { field: "score", operator: "atLeast", value: 5 },
    );
    const actions = fc.constantFrom<object>({ do: "file", folder: "A" }, { do: "tag", text: "[x]" }, { do: "stop" });
    const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 2 });
    const sane = fc.tuple(fc.constantFrom("all", "any"), list(tests), list(actions));
    const odd = fc.constantFrom<unknown>(
      ...[
        "",
        "é",
        "a\nb",
        "x".repeat(300),
        7,
        null,
        true,
        false,
        Number.NaN,
        [],
        ["a", "a"],
        [1],
        {},
        "exists",
        "size",
      ],
      ...["outbound", "header", "toString", "reject", "redirect", "flag", "X-A", ["a@b.test"], "matches", "atLeast"],
    );
    const keys = ["name", "all", "any", "actions", "direction", "enabled", "field", "header", "operator", "value"];
    const change = fc.record({
      at: fc.constantFrom("rule", "test", "action"),
      key: fc.constantFrom(...keys, "values", "caseSensitive", "do", "folder", "text", "to", "lowerScopes", "more"),
      to: odd,
    });
    let plain = 0;
    fc.assert(
      fc.property(sane, fc.array(change, { maxLength: 2 }), ([group, conditions, done], changes) => {
        const rule = JSON.parse(JSON.stringify({ name: "r", [group]: conditions, actions: done }));
        const places = { rule, test: rule[group][0], action: rule.actions[0] };
        for (const { at, key, to } of changes) places[at as "rule"][key] = to;
        if (!isPlainRule(rule)) return;
        plain += 1;
        assert.deepEqual(parseRule(rule), { rule });
      }),
      { numRuns: 5_000 },
    );
    assert.ok(plain > 500, `only ${plain}`);
    const usual = {
      name: "r",
      any: [{ field: "header", header: "list-id", operator: "contains", values: ["a", "b"] }],
    };
    for (const actions of [[{ do: "file", folder: "Lists" }], [{ do: "tag", text: "[x]" }, { do: "stop" }]])
      assert.ok(isPlainRule({ ...usual, actions }), "the way most rules are");
  });
});
