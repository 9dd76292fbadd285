import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkRule, checkRules } from "./check-rules.ts";

const sound = {
  name: "ads",
  all: [{ field: "subject", operator: "contains", value: "offer" }],
  actions: [{ do: "quarantine" }],
};
const canonical = { ...sound, all: [{ field: "subject", operator: "contains", values: ["offer"] }] };

describe("checkRules", () => {
  test("answers the canonical form", () => {
    assert.deepEqual(checkRules([sound], "tenant", ["set", "rules"]), { value: [canonical] });
    assert.deepEqual(checkRule(sound, "mailbox", ["rule"]), { value: canonical });
    assert.deepEqual(checkRules([], "platform", []), { value: [] });
  });

  test("every problem is a refusal whose path leads into the rule", () => {
    const all = [
      { field: "subject", matches: "x" },
      { not: { field: "sender", operator: "matches", values: ["a", "("] } },
    ];
    const { refusals = [] } = checkRule({ ...sound, all }, "tenant", ["rule"]);
    assert.deepEqual(
      refusals.map(({ code, path, details }) => [code, path?.join("."), details?.problem]),
      [
        ["RULE_INVALID", "rule.all.0.matches", "UNKNOWN_KEY"],
        ["RULE_INVALID", "rule.all.0.operator", "MISSING"],
        ["RULE_INVALID", "rule.all.1.not.values.1", "BAD_PATTERN"],
      ],
    );
  });

  test("two rules of one name, too many rules, and what is no list", () => {
    const paths = (value: unknown) => checkRules(value, "tenant", ["set", "rules"]).refusals?.map(({ path }) => path);
    assert.deepEqual(paths([sound, sound]), [["set", "rules", "1", "name"]]);
    assert.deepEqual(paths(Array.from({ length: 201 }, (_, index) => ({ ...sound, name: `r${index}` }))), [
      ["set", "rules"],
    ]);
    assert.deepEqual(paths({}), [["set", "rules"]]);
    assert.deepEqual(paths(null), [["set", "rules"]]);
  });

  test("outbound rules are no domain's and no mailbox's", () => {
    const outbound = { ...sound, direction: "outbound" };
    assert.ok(checkRule(outbound, "tenant", []).value !== undefined);
    for (const scope of ["domain", "mailbox"] as const) {
      assert.deepEqual(checkRule(outbound, scope, ["rule"]).refusals?.[0].path, ["rule", "direction"]);
    }
  });
});
