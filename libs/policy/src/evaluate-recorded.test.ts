import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { entry, factsOf, policyOf, scopeA, setting } from "./policy-test-world.ts";

describe("facts of an old verdict", () => {
  const recorded = { recorded: true, explain: true };

  test("are enough, whatever a newer engine would ask for besides", () => {
    const policy = policyOf(
      setting(scopeA, "greylist", 300),
      setting(scopeA, "spf", "reject"),
      setting(scopeA, "rules", [{ name: "r", all: [], actions: [{ do: "quarantine" }] }]),
      entry(scopeA, "accept", "@other.example"),
    );
    for (const phase of ["rcpt", "data"] as const) {
      const { verdict } = policy.evaluate(phase, factsOf(), recorded);
      assert.deepEqual([verdict?.reason, verdict?.score], ["accepted", undefined]);
      assert.ok(verdict?.trace);
    }
    const accepting = policyOf(entry(scopeA, "accept", "@ext.example"));
    assert.equal(accepting.evaluate("data", factsOf(), recorded).verdict?.reason, "accept-listed");
  });

  test("do not tell what a DNS list says that nobody asked, though others were", () => {
    const zones = ["old.example", "new.example"].map((zone) => ({ zone, trusted: true }));
    const policy = policyOf(setting(scopeA, "dnsbl", zones));
    const some = factsOf({ dnsLists: [{ zone: "old.example", result: "clear" }] });
    assert.equal(policy.evaluate("rcpt", some).needs?.includes("dnsLists"), true);
    const all = factsOf({ dnsLists: zones.map(({ zone }) => ({ zone, result: "clear" })) });
    assert.equal(policy.evaluate("rcpt", all).needs?.includes("dnsLists") ?? false, false);
    assert.equal(policy.evaluate("rcpt", some, recorded).verdict?.reason, "accepted");
  });

  test("that every engine asked for are still asked for", () => {
    const policy = policyOf(entry(scopeA, "kill", "mail.bad.example"));
    assert.deepEqual(policy.evaluate("rcpt", factsOf(), recorded).needs, ["host"]);
  });
});
