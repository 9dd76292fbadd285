import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticationOf, contentOf } from "./policy-test-world.ts";
import { ruleAuthentication } from "./rule-authentication.ts";

test("rules read the best of several signatures, SPF alone before DATA, and nothing where nothing was looked up", () => {
  const spf = { result: "softfail", identity: "mailfrom", domain: "ext.example" } as const;
  const signed = (...results: readonly ("pass" | "fail")[]) => {
    const dkim = results.map((result) => ({ result, domain: "ext.example", aligned: false }));
    return contentOf("joe@ext.example", { authentication: authenticationOf({ dkim }) });
  };
  assert.equal(ruleAuthentication({}), undefined);
  assert.equal(ruleAuthentication({ content: contentOf("joe@ext.example") }), undefined);
  assert.deepEqual(ruleAuthentication({ spf }), { spf: "softfail" });
  const both = ruleAuthentication({ spf, content: signed("fail", "pass") });
  assert.deepEqual(both, { spf: "none", dkim: "pass", dmarc: "none", arc: "none" }, "what DATA found comes first");
  assert.equal(ruleAuthentication({ content: signed("fail", "fail") })?.dkim, "fail");
  assert.equal(ruleAuthentication({ content: signed() })?.dkim, "none");
});
