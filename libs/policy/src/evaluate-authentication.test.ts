import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuthenticationFact } from "./content-facts.ts";
import {
  authenticationOf,
  entry,
  factsOf,
  judgeOn,
  type Lookups,
  mailboxScopeA,
  policyOf,
  scopeA,
  setting,
  transactionOn,
} from "./policy-test-world.ts";

const fails = (policy: "none" | "quarantine" | "reject", more: Partial<AuthenticationFact> = {}): Lookups => ({
  authentication: authenticationOf({ dmarc: { result: "fail", domain: "ext.example", policy }, ...more }),
});
const judged = (found: Lookups, ...inputs: Parameters<typeof setting>[]) =>
  transactionOn(policyOf(...inputs.map((input) => setting(...input))), factsOf(), found);
const reply = (verdict: { code: number; enhancedCode: string; reason: string }) =>
  `${verdict.code} ${verdict.enhancedCode} ${verdict.reason}`;

describe("DMARC", () => {
  test("honour does what the domain's owner asks for", () => {
    const rejected = judged(fails("reject"));
    assert.equal(reply(rejected), "550 5.7.26 dmarc-failed");
    assert.match(rejected.decisive.detail ?? "", /^fail for ext\.example, whose policy is reject/);
    const junk = judged(fails("quarantine"));
    assert.deepEqual([junk.action, junk.reason, junk.route], ["junk", "dmarc-quarantine", "local"]);
    const none = judged(fails("none"));
    assert.deepEqual([none.action, none.score], ["accept", 2]);
  });

  test("junkAction says what junk means", () => {
    const with_ = (action: string) => judged(fails("quarantine"), [mailboxScopeA, "junkAction", action]);
    assert.deepEqual([with_("tag").reason, with_("tag").action], ["dmarc-tagged", "accept"]);
    assert.equal(with_("tag").delivery?.subjectTag, "[SPAM]");
    assert.equal(with_("header").reason, "dmarc-marked");
    assert.equal(with_("quarantine").action, "quarantine");
    assert.equal(with_("discard").action, "discard");
  });

  test("score and off never refuse", () => {
    for (const policy of ["none", "quarantine", "reject"] as const) {
      assert.equal(judged(fails(policy), [scopeA, "dmarc", "score"]).score, 2);
      assert.equal(judged(fails(policy), [scopeA, "dmarc", "off"]).score, undefined);
    }
  });

  test("pass, none and errors of DNS add nothing", () => {
    for (const result of ["pass", "none", "temperror", "permerror"] as const) {
      const authentication = authenticationOf({ dmarc: { result, domain: "ext.example", policy: "reject" } });
      assert.deepEqual([judged({ authentication }).reason, judged({ authentication }).score], ["accepted", undefined]);
    }
  });

  test("a trusted sealer that saw it pass is believed, no other", () => {
    const arc = { result: "pass", sealers: ["old.example", "list.example"], claimedDmarc: "pass" } as const;
    const trust = (...names: string[]): Parameters<typeof setting> => [scopeA, "trustedSealers", names];
    assert.equal(judged(fails("reject", { arc }), trust("list.example")).reason, "accepted");
    assert.equal(judged(fails("reject", { arc })).reason, "dmarc-failed");
    assert.equal(judged(fails("reject", { arc }), trust("old.example")).reason, "dmarc-failed", "the newest decides");
    for (const broken of [
      { ...arc, result: "fail" as const },
      { ...arc, claimedDmarc: "fail" },
    ]) {
      assert.equal(judged(fails("reject", { arc: broken }), trust("list.example")).reason, "dmarc-failed");
    }
  });

  test("an accept entry for the IP spares from it; a private peer and a login are not authenticated", () => {
    const policy = policyOf(entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(transactionOn(policy, factsOf(), fails("reject")).reason, "accept-listed");
    const asks = (ip: string) =>
      judgeOn(policyOf(), "data", factsOf({ ip })).rounds.some((round) => round.needs.includes("authentication"));
    assert.deepEqual([asks("192.0.2.7"), asks("10.0.0.1")], [true, false]);
  });
});
