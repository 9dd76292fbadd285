import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { settingDefinitions } from "./setting-definitions.ts";
import { settingCheck, validateSetting } from "./validate-setting.ts";

const locked = { unlocked: [] };

describe("validateSetting", () => {
  test("every default is valid at platform scope and its own canonical form", () => {
    for (const { name, defaultValue } of settingDefinitions) {
      const answer = validateSetting(name, defaultValue, "platform", locked);
      assert.ok(answer.ok, name);
      assert.deepEqual(answer.value, defaultValue);
    }
  });

  test("refuses unknown names, scopes too low, locked values and wrong types, each with its code", () => {
    const code = (...args: Parameters<typeof validateSetting>) => {
      const answer = validateSetting(...args);
      return answer.ok ? "ok" : answer.code;
    };
    assert.equal(code("relayMood", "none", "tenant", locked), "SETTING_UNKNOWN");
    assert.equal(code("relayMode", "none", "domain", locked), "SETTING_NOT_AT_SCOPE");
    assert.equal(code("unlocks", [], "tenant", locked), "SETTING_NOT_AT_SCOPE");
    for (const scope of ["platform", "reseller", "tenant", "domain", "mailbox"] as const) {
      assert.equal(code("sizeLimitBytes", 1_000_000, scope, locked), "ok");
    }
    assert.equal(code("virusScanner", false, "reseller", locked), "ok");
    assert.equal(code("virusScanner", false, "domain", locked), "SETTING_NOT_AT_SCOPE");
    for (const mode of ["localUsers", "anyone"]) {
      assert.equal(code("relayMode", mode, "tenant", locked), "UNLOCK_REQUIRED");
      assert.equal(code("relayMode", mode, "platform", locked), "UNLOCK_REQUIRED");
      const answer = validateSetting("relayMode", mode, "tenant", { unlocked: [mode] });
      assert.ok(answer.ok && answer.warning);
    }
    assert.equal(code("relayMode", "all", "tenant", locked), "SETTING_INVALID");
    assert.equal(code("requireTls", false, "tenant", locked), "SETTING_INVALID");
    assert.equal(code("requireTls", false, "platform", locked), "ok");
    assert.equal(code("banners", { smtp: "a\r\nb" }, "platform", locked), "SETTING_INVALID");
    assert.equal(code("banners", { http: "x" }, "platform", locked), "SETTING_INVALID");
    assert.equal(code("maxCommandLength", 511, "platform", locked), "SETTING_INVALID");
    assert.equal(code("vrfy", 250, "platform", locked), "SETTING_INVALID");
    assert.equal(code("refuseNullSender", "yes", "tenant", locked), "SETTING_INVALID");
  });

  test("relayAddresses: narrow below the platform, canonical, bounded", () => {
    const at = (scope: "platform" | "tenant", ...list: string[]) =>
      validateSetting("relayAddresses", list, scope, locked);
    for (const wide of ["0.0.0.0/0", "10.0.0.0/23", "2001:db8::/47", "127.0.0.1", "::1"]) {
      assert.equal(at("tenant", wide).ok, false, wide);
      assert.equal(at("platform", wide).ok, true, wide);
    }
    const answer = at("tenant", "192.0.2.1/32", "2001:DB8:0::/48", "192.0.2.1");
    assert.deepEqual(answer.ok && answer.value, ["192.0.2.1", "2001:db8::/48"]);
    assert.equal(at("tenant", "192.0.2.1/24").ok, false);
    assert.equal(at("tenant", ...Array.from({ length: 1_001 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)).ok, false);
  });

  test("an accepted value validates to itself again, whatever comes in", () => {
    const name = fc.constantFrom(...settingDefinitions.map((definition) => definition.name));
    const interesting = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.integer(),
      fc.constantFrom<unknown>("252", 252, "deny", ["anyone", "anyone"], { smtp: "x" }),
    );
    fc.assert(
      fc.property(name, interesting, (setting, value) => {
        const context = { unlocked: ["anyone", "localUsers"] };
        const first = validateSetting(setting, value as never, "platform", context);
        if (first.ok) assert.deepEqual(validateSetting(setting, first.value, "platform", context), first);
        else assert.ok(first.problem.length > 0);
      }),
    );
  });

  test("the decider's check answers catalogued refusals, and only names for unset", () => {
    const check = settingCheck("tenant", locked);
    assert.equal(check("relayMode", "anyone")?.code, "UNLOCK_REQUIRED");
    assert.equal(check("relayMode", "none"), undefined);
    assert.equal(check("relayMode", undefined), undefined);
    assert.equal(check("relayMood", undefined)?.code, "SETTING_UNKNOWN");
  });
});
