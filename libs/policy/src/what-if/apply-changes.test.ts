import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import fc from "fast-check";
import { compilePolicy, withEntry, withoutEntry } from "../compiled-policy.ts";
import {
  domainScopeA,
  entry,
  factsOf,
  mailboxScopeA,
  platformScope,
  policyOf,
  reseller,
  scopeA,
  scopeB,
  setting,
  tenantA,
  transactionOn,
} from "../policy-test-world.ts";
import { applyChanges, type ChangePlace } from "./apply-changes.ts";
import type { PolicyChange } from "./policy-change.ts";

const place: ChangePlace = { scope: scopeA, path: { tenantId: tenantA, resellerId: reseller } };
const platformPlace: ChangePlace = { scope: platformScope, path: {} };

function changed(policy = policyOf(), ...changes: readonly PolicyChange[]) {
  const answer = applyChanges(policy, place, changes);
  assert.ok("policy" in answer, JSON.stringify(answer));
  return answer.policy;
}
function problemOf(policy = policyOf(), ...changes: readonly PolicyChange[]): string {
  const answer = applyChanges(policy, place, changes);
  assert.ok("problem" in answer);
  return `${answer.problem.code} ${answer.problem.at}`;
}

describe("applyChanges", () => {
  test("answers the policy with the changes; the one before stays, and both keep the revision", () => {
    const before = policyOf(setting(scopeA, "relayMode", "none"), entry(scopeA, "kill", "joe@ext.example"));
    assert.equal(transactionOn(before, factsOf()).action, "reject");
    const after = changed(before, { entryRemove: { list: "kill", pattern: "JOE@ext.example" } });
    assert.equal(transactionOn(after, factsOf()).action, "accept");
    assert.equal(transactionOn(before, factsOf()).action, "reject");
    assert.equal(after.revision, before.revision);
    const tighter = changed(after, { set: { sizeLimitBytes: 65_536 } }, { unset: ["relayMode", "vrfy"] });
    assert.equal(tighter.value(place.path, "sizeLimitBytes"), 65_536);
    const again = changed(before, { entryAdd: { list: "accept", pattern: "192.0.2.7" } });
    const verdict = transactionOn(again, factsOf());
    assert.deepEqual([verdict.reason, verdict.decisive.byEvent], ["accept-listed", "proposed"]);
  });

  test("checks like the operations that make the changes", () => {
    assert.equal(problemOf(policyOf(), { set: { spf: "off" } }, { set: { nonsense: 1 } }), "SETTING_UNKNOWN 1");
    assert.equal(problemOf(policyOf(), { set: { spf: "perhaps" } }), "SETTING_INVALID 0");
    assert.equal(problemOf(policyOf(), { set: { vrfy: 502 } }), "SETTING_NOT_AT_SCOPE 0");
    assert.equal(problemOf(policyOf(), { set: { relayMode: "anyone" } }), "UNLOCK_REQUIRED 0");
    assert.equal(problemOf(policyOf(), { entryAdd: { list: "kill", pattern: "a b" } }), "PATTERN_INVALID 0");
    assert.equal(problemOf(policyOf(), { entryRemove: { list: "kill", pattern: "@ext.example" } }), "NOT_FOUND 0");
    assert.equal(problemOf(policyOf(), { ruleDelete: { name: "none" } }), "NOT_FOUND 0");
    assert.equal(problemOf(policyOf(), { pardon: { kind: "ip", value: "192.0.2.7" } }), "NOT_FOUND 0");
    const limits = [
      { scope: platformScope, name: "spf", limit: { locked: true as const }, byEvent: "e1" },
      { scope: platformScope, name: "sizeLimitBytes", limit: { max: 100_000 }, byEvent: "e2" },
    ];
    assert.equal(problemOf(compilePolicy({ limits }), { set: { spf: "off" } }), "SETTING_LOCKED 0");
    assert.equal(problemOf(compilePolicy({ limits }), { set: { sizeLimitBytes: 200_000 } }), "SETTING_OUT_OF_BOUND 0");
    const many = Array.from({ length: 101 }, (): PolicyChange => ({ unset: [] }));
    assert.equal(problemOf(policyOf(), ...many), "INVALID_INPUT 100");
  });

  test("saves and deletes rules of the scope by their name", () => {
    const rule = (name: string): SettingValue => ({ name, all: [], actions: [{ do: "discard" }] });
    const before = policyOf(setting(scopeA, "rules", [rule("a"), rule("b")]));
    const names = (policy = before) =>
      policy.rules(place.path).flatMap(({ rules }) => rules.map((each) => (each as { name: string }).name));
    assert.deepEqual(names(changed(before, { ruleSave: { rule: rule("c"), before: "b" } })), ["a", "c", "b"]);
    assert.deepEqual(names(changed(before, { ruleSave: { rule: rule("c") } })), ["a", "b", "c"]);
    assert.deepEqual(names(changed(before, { ruleSave: { rule: rule("a") } })), ["a", "b"]);
    assert.deepEqual(names(changed(before, { ruleSave: { rule: rule("b"), before: "a" } })), ["b", "a"]);
    assert.deepEqual(names(changed(before, { ruleDelete: { name: "a" } })), ["b"]);
    assert.equal(problemOf(before, { ruleSave: { rule: rule("c"), before: "x" } }), "NOT_FOUND 0");
    assert.equal(problemOf(before, { ruleSave: { rule: "c" } }), "INVALID_INPUT 0");
  });

  test("the lists below are not extended: their next change copies nothing", () => {
    const before = policyOf(entry(scopeA, "kill", "@ext.example"));
    changed(before, { entryAdd: { list: "accept", pattern: "joe@ext.example" } });
    const next = withEntry(before, entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(transactionOn(next, factsOf()).reason, "accept-listed");
    assert.equal(transactionOn(before, factsOf()).reason, "kill-listed");
  });

  test("entries tried decide exactly as the same entries in force", () => {
    const pattern = fc.constantFrom(
      "joe@ext.example",
      "@ext.example",
      "@*example",
      "@*xt.example",
      "192.0.2.7",
      "192.0.2.0/24",
      "192.0.0.0/16",
      "mail.ext.example",
    );
    const scope = fc.constantFrom(scopeA, platformScope, mailboxScopeA, domainScopeA, scopeB);
    const step = fc.record({
      scope,
      list: fc.constantFrom("accept" as const, "kill" as const),
      pattern,
      adds: fc.boolean(),
    });
    const host = { status: "confirmed", name: "mail.ext.example" } as const;
    const recipient = {
      address: "u@else.example",
      form: "plain",
      found: { kind: "foreign" },
      acceptedBefore: 0,
    } as const;
    const world = [factsOf({ host }), factsOf({ host, recipient, senderOwner: null })];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), fc.array(step, { maxLength: 6 }), (first, then) => {
        let inForce = policyOf(
          ...first.filter(({ adds }) => adds).map((each) => entry(each.scope, each.list, each.pattern)),
        );
        let tried = inForce;
        for (const { adds, list, pattern: named, scope: where } of then) {
          const at = { ...place, scope: where };
          const change: PolicyChange = adds
            ? { entryAdd: { list, pattern: named } }
            : { entryRemove: { list, pattern: named } };
          const answer = applyChanges(tried, at, [change]);
          if ("policy" in answer) tried = answer.policy;
          inForce = adds
            ? withEntry(inForce, entry(where, list, named))
            : withoutEntry(inForce, { scope: where, list, pattern: named }, "e");
        }
        for (const facts of world) {
          const [a, b] = [transactionOn(tried, facts), transactionOn(inForce, facts)];
          assert.deepEqual([a.action, a.reason, a.tenantId], [b.action, b.reason, b.tenantId]);
          // Of several tenants whose entries prove nothing, any may be named.
          if (a.reason !== "relay-sender-unproven") assert.equal(a.scope, b.scope);
        }
      }),
      { numRuns: 300 },
    );
    assert.ok("policy" in applyChanges(policyOf(), platformPlace, [{ set: { unlocks: ["anyone"] } }]));
  });
});
