import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Scope } from "@mailfold/domain";
import fc from "fast-check";
import { settingDefinitions } from "./setting-definitions.ts";
import { checkLimitsAbove, limitCheck, validateLimit } from "./validate-limit.ts";

describe("validateLimit", () => {
  const codeOf = (name: string, limit: unknown, scope: Scope["kind"] = "platform") => {
    const answer = validateLimit(name, limit, scope);
    return answer.ok ? "ok" : answer.code;
  };

  test("every setting that scopes below may set can be locked, and no other", () => {
    for (const { name, lowestScope } of settingDefinitions) {
      assert.equal(codeOf(name, { locked: true }), lowestScope === "platform" ? "LIMIT_INVALID" : "ok", name);
      assert.equal(codeOf(name, { locked: true }, lowestScope), "LIMIT_INVALID", name);
    }
    assert.equal(codeOf("sizeLimitBytes", { max: 70_000 }, "domain"), "ok");
    assert.equal(codeOf("sizeLimitBytes", { max: 70_000 }, "mailbox"), "LIMIT_INVALID");
    assert.equal(codeOf("relayMode", { locked: true }, "tenant"), "LIMIT_INVALID");
    assert.equal(codeOf("relayMood", { locked: true }), "SETTING_UNKNOWN");
  });

  test("numbers take a range, words a choice, lists a lock alone", () => {
    const cases: readonly (readonly [name: string, limit: unknown, isSound: boolean])[] = [
      ["sizeLimitBytes", { min: 65_536, max: 1_000_000 }, true],
      ["sizeLimitBytes", { min: 1_000_000, max: 65_536 }, false],
      ["sizeLimitBytes", { max: 1 }, false],
      ["sizeLimitBytes", {}, false],
      ["sizeLimitBytes", { allowed: [65_536] }, false],
      ["sizeLimitBytes", { locked: true, max: 70_000 }, false],
      ["sizeLimitBytes", { locked: false }, false],
      ["sizeLimitBytes", { max: "70000" }, false],
      ["sizeLimitBytes", [], false],
      ["sizeLimitBytes", null, false],
      ["recipientsPerHour", { max: 0 }, false],
      ["greylist", { min: 0, max: 300 }, true],
      ["relayMode", { allowed: ["none", "addresses"] }, true],
      ["relayMode", { allowed: ["none", "all"] }, false],
      ["relayMode", { allowed: [] }, false],
      ["relayMode", { max: 3 }, false],
      ["virusScanner", { allowed: [true] }, true],
      ["virusScanner", { allowed: ["true"] }, false],
      ["rules", { locked: true }, true],
      ["rules", { allowed: [] }, false],
      ["spamThresholds", { max: 5 }, false],
    ];
    for (const [name, limit, isSound] of cases) {
      assert.equal(codeOf(name, limit), isSound ? "ok" : "LIMIT_INVALID", `${name} ${JSON.stringify(limit)}`);
    }
  });

  test("an accepted limit validates to itself again, whatever comes in", () => {
    const name = fc.constantFrom(...settingDefinitions.map((definition) => definition.name));
    const value = fc.oneof(fc.integer(), fc.constantFrom("none", "off", true, 100_000));
    const limit = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.record({ min: value, max: value }, { requiredKeys: [] }),
      fc.record({ allowed: fc.array(value, { maxLength: 3 }) }),
    );
    fc.assert(
      fc.property(name, limit, fc.constantFrom("platform", "reseller", "tenant", "domain"), (setting, json, scope) => {
        const first = validateLimit(setting, json, scope as Scope["kind"]);
        if (first.ok) assert.deepEqual(validateLimit(setting, first.limit, scope as Scope["kind"]), first);
        else assert.ok(first.problem.length > 0);
      }),
      { numRuns: 500 },
    );
  });

  test("the decider's check answers catalogued refusals; lifting needs only a name", () => {
    const check = limitCheck("tenant");
    assert.equal(check("relayMode", { locked: true })?.code, "LIMIT_INVALID");
    assert.equal(check("relayMode", undefined), undefined);
    assert.equal(check("relayMood", undefined)?.code, "SETTING_UNKNOWN");
    assert.equal(check("junkAction", { allowed: ["folder"] }), undefined);
  });
});

describe("checkLimitsAbove", () => {
  const above = [
    { kind: "platform", limits: { sizeLimitBytes: { max: 20_000_000 }, recipientsPerHour: { max: 100 } } },
    { kind: "reseller", limits: { sizeLimitBytes: { min: 1_000_000 }, relayMode: { allowed: ["none", "addresses"] } } },
    { kind: "tenant", limits: { junkAction: { locked: true } } },
  ] as const;

  test("names the kind of scope that limits, the widest first", () => {
    const problem = (name: string, value: never) => {
      const found = checkLimitsAbove(name, value, above);
      return found === undefined ? "free" : `${found.code} ${found.limitedAt}`;
    };
    assert.equal(problem("sizeLimitBytes", 10_000_000 as never), "free");
    assert.equal(problem("sizeLimitBytes", 30_000_000 as never), "SETTING_OUT_OF_BOUND platform");
    assert.equal(problem("sizeLimitBytes", 100_000 as never), "SETTING_OUT_OF_BOUND reseller");
    assert.equal(problem("recipientsPerHour", 0 as never), "SETTING_OUT_OF_BOUND platform");
    assert.equal(problem("relayMode", "localHosts" as never), "SETTING_OUT_OF_BOUND reseller");
    assert.equal(problem("junkAction", "folder" as never), "SETTING_LOCKED tenant");
    assert.equal(problem("constructor", 1 as never), "free");
    assert.match(checkLimitsAbove("relayMode", "anyone", above)?.message ?? "", /reseller scope.*none, addresses/);
  });
});
