import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { Scope } from "../scope.ts";
import type { PolicyEvent, SettingLimit, SettingValue } from "./events.ts";
import type { ChangePolicySettings, LimitCheck, SettingCheck } from "./policy-settings.ts";
import { policySettings, sameValue } from "./policy-settings.ts";

const { given } = specify(policySettings);
const scope: Scope = { kind: "tenant", id: "ten_01" as TenantId };
const check: SettingCheck = (name, value) => {
  if (!["relayMode", "banner", "relayAddresses", "vrfy"].includes(name)) {
    return { code: "SETTING_UNKNOWN", message: `no setting ${name}` };
  }
  return value === "bad" ? { code: "SETTING_INVALID", message: "not that" } : undefined;
};
const change: ChangePolicySettings = {
  type: "ChangePolicySettings",
  scope,
  set: { relayMode: "none" },
  unset: [],
  scopeExists: true,
  check,
};
const changed = (set: Record<string, SettingValue>, unset: string[] = []): PolicyEvent => ({
  type: "PolicySettingsChanged",
  data: { scope, set, unset },
});

const limitCheck: LimitCheck = (name, limit) => {
  if (name === "banner") return { code: "LIMIT_INVALID", message: "not at this scope" };
  return limit !== undefined && !limit.locked && limit.allowed?.length === 0
    ? { code: "LIMIT_INVALID", message: "nothing is left" }
    : undefined;
};
const limiting = (set: Record<string, SettingLimit>, unset: string[] = []): ChangePolicySettings => ({
  ...change,
  set: {},
  limits: { set, unset, check: limitCheck },
});
const limited = (set: Record<string, SettingLimit>, unset: string[] = []): PolicyEvent => ({
  type: "PolicyLimitsChanged",
  data: { scope, set, unset },
});

describe("policySettings", () => {
  test("limits are recorded beside values, and only when they are new", () => {
    given()
      .when({ ...limiting({ vrfy: { locked: true } }), set: { relayMode: "none" } })
      .thenRecorded(changed({ relayMode: "none" }), limited({ vrfy: { locked: true } }));
    given(limited({ vrfy: { locked: true }, relayMode: { allowed: ["none"] } }))
      .when(limiting({ vrfy: { locked: true }, relayMode: { allowed: ["none", "addresses"] } }))
      .thenRecorded(limited({ relayMode: { allowed: ["none", "addresses"] } }));
    given(limited({ vrfy: { locked: true } }))
      .when(limiting({}, ["vrfy", "vrfy", "relayMode"]))
      .thenRecorded(limited({}, ["vrfy"]));
    given(limited({ vrfy: { locked: true } }))
      .when(limiting({ vrfy: { locked: true } }, ["relayMode"]))
      .thenNothing();
    given(changed({ vrfy: 252 }), limited({ vrfy: { locked: true } }))
      .when({ ...change, set: {}, unset: ["vrfy"] })
      .thenRecorded(changed({}, ["vrfy"]));
  });

  test("refuses limits that their check refuses, with the path, and records nothing then", () => {
    given()
      .when({ ...limiting({ banner: { locked: true } }), set: { relayMode: "none" } })
      .thenRefused("LIMIT_INVALID", ["limits", "banner"]);
    given()
      .when(limiting({ vrfy: { allowed: [] } }))
      .thenRefused("LIMIT_INVALID", ["limits", "vrfy"]);
    given()
      .when(limiting({}, ["banner"]))
      .thenRefused("LIMIT_INVALID", ["unsetLimits"]);
    given()
      .when(limiting({ vrfy: { locked: true } }, ["vrfy"]))
      .thenRefused("INVALID_INPUT", ["unsetLimits"]);
    given()
      .when({
        ...limiting(
          {},
          Array.from({ length: 60 }, () => "vrfy"),
        ),
        unset: Array.from({ length: 60 }, () => "vrfy"),
      })
      .thenRefused("INVALID_INPUT");
  });

  test("records what changes and leaves out what does not", () => {
    given()
      .when(change)
      .thenRecorded(changed({ relayMode: "none" }));
    given(changed({ relayMode: "none" }))
      .when(change)
      .thenNothing();
    given(changed({ relayMode: "none", vrfy: 252 }))
      .when({ ...change, set: { relayMode: "none", banner: "hi" }, unset: ["vrfy", "vrfy", "relayAddresses"] })
      .thenRecorded(changed({ banner: "hi" }, ["vrfy"]));
    given(changed({ relayAddresses: ["192.0.2.0/28"] }))
      .when({ ...change, set: { relayAddresses: ["192.0.2.0/28"] } })
      .thenNothing();
    given()
      .when({ ...change, set: {}, unset: ["vrfy"] })
      .thenNothing();
  });

  test("null is a value, and not the same as unset", () => {
    given()
      .when({ ...change, set: { banner: null } })
      .thenRecorded(changed({ banner: null }));
    given(changed({ banner: null }))
      .when({ ...change, set: {}, unset: ["banner"] })
      .thenRecorded(changed({}, ["banner"]));
  });

  test("refuses what the check refuses, with the path", () => {
    given()
      .when({ ...change, set: { relayMood: 1 } })
      .thenRefused("SETTING_UNKNOWN", ["set", "relayMood"]);
    given()
      .when({ ...change, set: { relayMode: "bad" } })
      .thenRefused("SETTING_INVALID", ["set", "relayMode"]);
    given()
      .when({ ...change, set: {}, unset: ["x"] })
      .thenRefused("SETTING_UNKNOWN", ["unset"]);
    given()
      .when({ ...change, unset: ["relayMode"] })
      .thenRefused("INVALID_INPUT", ["unset"]);
    given()
      .when({ ...change, scopeExists: false })
      .thenRefused("NOT_FOUND", ["scope"]);
    const many = Array.from({ length: 101 }, () => "vrfy");
    given()
      .when({ ...change, unset: many })
      .thenRefused("INVALID_INPUT");
  });

  test("names of Object's own members are only names", () => {
    const lenient: SettingCheck = () => undefined;
    const set = JSON.parse('{"__proto__":1,"constructor":2}');
    given()
      .when({ ...change, set: {}, unset: ["constructor", "toString"], check: lenient })
      .thenNothing();
    given(changed(set))
      .when({ ...change, set, check: lenient })
      .thenNothing();
  });

  test("sameValue is equality of JSON, but for the order of keys", () => {
    assert.ok(sameValue({ a: 1, b: [2] }, { b: [2], a: 1 }));
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const [a, b] = [left as SettingValue, right as SettingValue];
        assert.ok(sameValue(a, JSON.parse(JSON.stringify(a))));
        assert.equal(sameValue(a, b), sameValue(b, a));
        if (sameValue(a, b)) assert.equal(JSON.stringify(a).length, JSON.stringify(b).length);
      }),
    );
  });

  test("replay equals live", () => {
    const name = fc.constantFrom("relayMode", "banner", "vrfy");
    const value = fc.constantFrom<SettingValue>("none", "bad", null, 1, ["a"], ["b"]);
    const command = fc
      .tuple(fc.dictionary(name, value), fc.array(name, { maxLength: 3 }))
      .map(([set, unset]): ChangePolicySettings => ({ ...change, set: { ...set }, unset }));
    const limit = fc.constantFrom<SettingLimit>({ locked: true }, { max: 3 }, { allowed: ["none"] }, { allowed: [] });
    const limitCommand = fc
      .tuple(command, fc.dictionary(name, limit), fc.array(name, { maxLength: 3 }))
      .map(([both, set, unset]): ChangePolicySettings => {
        return { ...both, limits: { set: { ...set }, unset, check: limitCheck } };
      });
    holdsOverHistories(policySettings, fc.oneof(command, limitCommand));
  });
});
