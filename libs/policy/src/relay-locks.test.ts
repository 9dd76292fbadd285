import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Scope, scopeId } from "@mailfold/domain";
import { compilePolicy, relayLockOf, withoutLimit } from "./compiled-policy.ts";
import {
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  platformScope,
  reseller,
  resellerScope,
  scopeA,
  setting,
  verdictOn,
} from "./policy-test-world.ts";
import type { EntryInput } from "./types.ts";

const lock = (scope: Scope, name: string) =>
  ({ scope, name, limit: { locked: true }, byEvent: `lock ${name}` }) as const;
const of = (scope: Scope, pattern: string, more: Partial<EntryInput> = {}) => ({
  ...entry(scope, "accept", pattern, more),
  ...(scope.kind === "tenant" ? { resellerId: reseller } : {}),
});
const unlocks = setting(platformScope, "unlocks", ["trustUnverified"]);
const openings: readonly {
  readonly reason: string;
  readonly pattern: string;
  readonly more?: Partial<EntryInput>;
  readonly found?: Lookups;
}[] = [
  { reason: "relay-accept-entry", pattern: "192.0.2.0/24" },
  { reason: "relay-spf-entry", pattern: "joe@ext.example", found: { spf: "pass" } },
  { reason: "relay-spf-entry", pattern: "joe@a.example", found: { spf: "pass" } },
  { reason: "relay-unverified-entry", pattern: "@ext.example", more: { trustUnverified: true } },
  { reason: "relay-unverified-entry", pattern: "@a.example", more: { trustUnverified: true } },
];

describe("a lock on who may relay", () => {
  for (const { reason, pattern, more, found = {} } of openings) {
    for (const name of ["relayMode", "relayAddresses"]) {
      test(`${name}: an entry ${pattern} below it does not open relaying (${reason}), one at the lock's scope does`, () => {
        const from = pattern.includes("a.example") ? "joe@a.example" : "joe@ext.example";
        const facts = factsOf({ from, recipient: foreignRecipient });
        const on = (scope: Scope, locking: readonly Scope[]) =>
          compilePolicy({
            settings: [unlocks],
            entries: [of(scope, pattern, more)],
            limits: locking.map((each) => lock(each, name)),
          });
        const answer = (scope: Scope, ...locking: Scope[]) =>
          verdictOn(on(scope, locking), "rcpt", facts, found).reason;
        assert.equal(answer(scopeA), reason);
        assert.equal(answer(scopeA, platformScope), "relay-denied");
        assert.equal(answer(scopeA, resellerScope), "relay-denied");
        assert.equal(
          answer(scopeA, { kind: "reseller", id: "rsl_2" as typeof reseller }),
          reason,
          "another reseller's",
        );
        assert.equal(answer(scopeA, scopeA), reason, "its own lock is for those below");
        assert.equal(answer(platformScope, platformScope), reason);
        const lifted = withoutLimit(on(scopeA, [platformScope]), platformScope, name, "lifted");
        assert.equal(verdictOn(lifted, "rcpt", facts, found).reason, reason);
      });
    }
  }

  test("the entry still accepts mail to the tenant", () => {
    const policy = compilePolicy({ entries: [of(scopeA, "192.0.2.7")], limits: [lock(platformScope, "relayMode")] });
    assert.equal(verdictOn(policy, "rcpt", factsOf()).reason, "accept-listed");
  });

  test("a reseller that is only known when the tenant is looked up counts, too", () => {
    const policy = compilePolicy({
      entries: [entry(scopeA, "accept", "192.0.2.7")],
      limits: [lock(resellerScope, "relayMode")],
    });
    assert.equal(verdictOn(policy, "rcpt", factsOf({ recipient: foreignRecipient })).reason, "relay-denied");
  });

  test("the trace names entry and lock, once, also where SPF is asked in between", () => {
    const policy = compilePolicy({
      entries: [of(scopeA, "192.0.2.7"), of(scopeA, "@a.example"), of(platformScope, "@a.example")],
      limits: [lock(resellerScope, "relayAddresses")],
    });
    const found = { spf: "fail" } as const;
    const { facts } = judgeOn(policy, "rcpt", factsOf({ from: "joe@a.example", recipient: foreignRecipient }), found);
    const { verdict } = policy.evaluate("rcpt", facts, { explain: true });
    const lines = verdict?.trace?.filter(({ step, outcome }) => step === "relay" && outcome === "skip") ?? [];
    assert.deepEqual(
      lines.map(({ setting: name, setAtScope, byEvent }) => [name, setAtScope, byEvent]),
      [
        ["acceptList", "ten_a", "evt-@a.example"],
        ["relayAddresses", "rsl_1", "lock relayAddresses"],
        ["acceptList", "ten_a", "evt-192.0.2.7"],
        ["relayAddresses", "rsl_1", "lock relayAddresses"],
      ],
    );
    assert.match(lines[1]?.detail ?? "", /^locked: /);
  });

  test("relayLockOf names the lock over a scope, and none over the scope that set it", () => {
    const policy = compilePolicy({ limits: [lock(resellerScope, "relayMode")] });
    const over = (path: Parameters<typeof relayLockOf>[1]) => relayLockOf(policy, path)?.setAtScope;
    const path = { resellerId: reseller, tenantId: scopeId(scopeA) as never };
    assert.deepEqual([over(path), over({ resellerId: reseller }), over({})], ["rsl_1", undefined, undefined]);
  });
});
