import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileRules, RuleCache } from "./compile-rules.ts";
import { RuleBudget } from "./rule-budget.ts";
import { plainInput, ruleOf, scopeOf } from "./rules-test-world.ts";
import { runRules } from "./run-rules.ts";

const seeded = (length: number): string => {
  let state = 7;
  return Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state > 1_073_741_824 ? "a" : "b";
  }).join("");
};
const dear = ruleOf({
  name: "dear",
  all: [{ field: "header", header: "x-a", operator: "matches", value: "(?:a?b?){100}a[ab]{90}\\d" }],
});
const plain = ruleOf({ name: "plain", all: [{ field: "subject", operator: "matches", value: "ref[i1]" }] });
const headers = [
  ...plainInput.headers,
  ...Array.from({ length: 60 }, (_, at) => ({ name: "X-A", value: `${at}${seeded(1_000)}`.slice(0, 1_000) })),
];

describe("RuleBudget", () => {
  test("a hundred recipients of one message cost no more than one", () => {
    const compiled = compileRules([scopeOf("tenant", [dear])], new RuleCache());
    const budget = new RuleBudget();
    const spent = (times: number): number => {
      const startedAt = performance.now();
      for (let at = 0; at < times; at += 1) {
        const outcome = runRules(compiled, { ...plainInput, headers }, { budget, tenantId: "ten_a" });
        assert.deepEqual(outcome.undecided, [{ rule: "dear", scope: "tenant" }]);
      }
      return performance.now() - startedAt;
    };
    spent(1);
    assert.ok(spent(100) < 2_000);
  });

  test("what one tenant spends leaves another's rules alone, and those of the scopes above", () => {
    const budget = new RuleBudget();
    const spendAll = compileRules([scopeOf("mailbox", [dear])], new RuleCache());
    for (let tenant = 0; tenant < 20; tenant += 1) {
      runRules(spendAll, { ...plainInput, headers }, { budget, tenantId: `ten_${tenant}` });
    }
    const same = runRules(
      compileRules([scopeOf("platform", [plain]), scopeOf("tenant", [plain])], new RuleCache()),
      { ...plainInput, headers },
      { budget, tenantId: "ten_victim" },
    );
    assert.deepEqual([same.matched.length, same.undecided], [2, []]);
  });

  test("recipients who share a pattern pay once for it", () => {
    const rule = ruleOf({ all: [{ field: "anyHeader", operator: "matches", value: "ref[i1] n[o0]w x{200}" }] });
    const compiled = compileRules([scopeOf("tenant", [rule])], new RuleCache());
    const budget = new RuleBudget();
    for (let at = 0; at < 200; at += 1) {
      const outcome = runRules(compiled, plainInput, { budget, tenantId: "ten_a" });
      assert.deepEqual(outcome.undecided, []);
    }
  });
});
