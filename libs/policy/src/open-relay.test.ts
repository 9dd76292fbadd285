import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Scope } from "@mailfold/domain";
import type { TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { compilePolicy } from "./compiled-policy.ts";
import { type Inputs, oracle } from "./open-relay-oracle.ts";
import type { SettingInput } from "./policy-changes.ts";
import {
  domainA,
  domainB,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  localRecipient,
  loginOf,
  platformScope,
  scopeA,
  scopeB,
  setting,
  tenantA,
  tenantB,
  verdictOn,
} from "./policy-test-world.ts";
import type { EntryInput, Facts, Phase } from "./types.ts";

const scopes: readonly Scope[] = [platformScope, scopeA, scopeB, domainScopeA];
const networks = [
  "192.0.2.7",
  "192.0.2.0/24",
  "192.0.0.0/16",
  "0.0.0.0/0",
  "198.51.100.1",
  "2001:db8::/48",
  "::/0",
  "127.0.0.1",
  "127.0.0.0/24",
];
const senderPatterns = [
  "joe@ext.example",
  "@ext.example",
  "@*example",
  "joe@a.example",
  "@a.example",
  "@b.example",
  "mail.ext.example",
  "mx.a.example",
];
const modes = ["none", "addresses", "localHosts", "localUsers", "anyone"];
const settings: fc.Arbitrary<SettingInput> = fc.oneof(
  fc
    .tuple(fc.constantFrom(platformScope, scopeA, scopeB), fc.constantFrom(...modes))
    .map(([scope, value]) => setting(scope, "relayMode", value)),
  fc
    .tuple(
      fc.constantFrom(platformScope, scopeA, scopeB),
      fc.uniqueArray(fc.constantFrom(...networks), { maxLength: 3 }),
    )
    .map(([scope, value]) => setting(scope, "relayAddresses", value)),
  fc.subarray(["localUsers", "anyone", "trustUnverified"]).map((value) => setting(platformScope, "unlocks", value)),
  fc.tuple(fc.constantFrom(...scopes), fc.boolean()).map(([scope, value]) => setting(scope, "refuseNullSender", value)),
);
const entries: fc.Arbitrary<EntryInput> = fc
  .record({
    scope: fc.constantFrom(...scopes),
    list: fc.constantFrom<"accept" | "kill">("accept", "accept", "kill"),
    pattern: fc.constantFrom(...networks, ...senderPatterns),
    expiresAt: fc.constantFrom(undefined, undefined, 500, 5_000),
    trustUnverified: fc.boolean(),
  })
  .map(({ scope, list, pattern, expiresAt, trustUnverified }) =>
    entry(scope, list, pattern, {
      trustUnverified: trustUnverified && list === "accept",
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }),
  );
const inputs: fc.Arbitrary<Inputs> = fc.record({
  settings: fc.array(settings, { maxLength: 6 }),
  entries: fc.array(entries, { maxLength: 5 }),
});
const lookups: fc.Arbitrary<Lookups> = fc.record({
  host: fc.constantFrom<NonNullable<Facts["host"]>>(
    { status: "none" },
    { status: "failed" },
    { status: "mismatch" },
    { status: "confirmed", name: "mx.a.example", owner: domainA },
    { status: "confirmed", name: "mx.b.example", owner: domainB },
    { status: "confirmed", name: "mx.a.example", owner: { ...domainA, verified: false } },
    { status: "confirmed", name: "mail.ext.example" },
  ),
  tenantsOff: fc.constantFrom<readonly TenantId[]>([], [], [tenantA], [tenantB]),
});
const strangers = fc
  .record({
    ip: fc.constantFrom(
      "192.0.2.7",
      "192.0.2.8",
      "198.51.100.1",
      "2001:db8::7",
      "127.0.0.1",
      "::ffff:192.0.2.7",
      "203.0.113.9",
      "garbage",
    ),
    from: fc.constantFrom(
      "joe@ext.example",
      "",
      "joe@a.example",
      "ghost@a.example",
      "joe@b.example",
      "joe@claimed.example",
    ),
    listener: fc.constantFrom<"mx" | "submission">("mx", "mx", "mx", "submission"),
  })
  .map((more) => factsOf({ ...more, recipient: foreignRecipient }));

const ownerOf = (facts: Facts): TenantId | undefined => {
  const name = facts.sender?.address.split("@")[1];
  return name === "a.example" ? tenantA : name === "b.example" ? tenantB : undefined;
};

describe("open relay theorem", () => {
  test("a peer without login relays only for a tenant whose policy names it, and never for another than its sender's", () => {
    let relayed = 0;
    fc.assert(
      fc.property(inputs, strangers, lookups, (all, facts, found) => {
        const verdict = verdictOn(compilePolicy(all), "data", facts, found);
        if (verdict.action !== "accept") return;
        relayed++;
        const { names, platformNames, ipVouches } = oracle(all, facts, found);
        const owner = ownerOf(facts);
        assert.equal(verdict.route, "relay");
        assert.equal(facts.listener, "mx");
        if (owner) assert.equal(verdict.tenantId, owner);
        if (verdict.tenantId === undefined) assert.ok(platformNames, "the platform names nobody here");
        else
          assert.ok(names(verdict.tenantId, owner === verdict.tenantId), `${verdict.tenantId} does not name this peer`);
        assert.ok(
          verdict.tenantId === undefined || !found.tenantsOff?.includes(verdict.tenantId),
          "a suspended tenant relays",
        );
        const scope: Scope = verdict.tenantId === undefined ? platformScope : { kind: "tenant", id: verdict.tenantId };
        if (facts.sender?.address === "" || verdict.vouchedBy === "ip-entry")
          assert.ok(ipVouches(scope), "no IP entry vouches");
      }),
      { numRuns: 8_000 },
    );
    assert.ok(relayed > 300, `only ${relayed} of the generated cases relay: the search proves little`);
  });

  test("who is named by exactly one tenant does relay, unless killed, refused as null sender or suspended", () => {
    const excuses = [
      "kill-listed",
      "null-sender-refused",
      "submission-suspended",
      "sender-domain-unverified",
      "host-lookup-failed",
    ];
    fc.assert(
      fc.property(inputs, strangers, lookups, (all, facts, found) => {
        if (facts.listener === "submission") return;
        const verdict = verdictOn(compilePolicy(all), "rcpt", facts, found);
        const { names, platformNames } = oracle(all, facts, found);
        const owner = ownerOf(facts);
        const named = [tenantA, tenantB].filter((tenantId) => names(tenantId, owner === tenantId));
        const may = owner ? named.includes(owner) : platformNames || named.length === 1;
        if (may && verdict.action !== "accept") {
          // A trusting entry under a narrower one that does not trust is set aside: narrower entries decide.
          const setAside =
            verdict.reason === "relay-sender-unproven" && all.entries.some((item) => item.trustUnverified);
          assert.ok(excuses.includes(verdict.reason) || setAside, verdict.reason);
        }
        if (!may) assert.equal(verdict.action === "accept", false);
      }),
      { numRuns: 4_000 },
    );
  });

  test("a login relays for its own tenant only, under senders that are its own", () => {
    const from = fc.constantFrom(
      "joe@ext.example",
      "",
      "joe@a.example",
      "ghost@a.example",
      "info@a.example",
      "joe@b.example",
      "joe@claimed.example",
    );
    fc.assert(
      fc.property(inputs, from, lookups, fc.boolean(), (all, sender, found, match) => {
        const policy = compilePolicy({
          ...all,
          settings: [...all.settings, setting(scopeA, "senderMustMatchLogin", match)],
        });
        const login = loginOf(tenantA);
        const facts = factsOf({ from: sender, login, listener: "submission", recipient: foreignRecipient });
        const verdict = verdictOn(policy, "data", facts, found);
        if (verdict.action !== "accept") return;
        assert.deepEqual([verdict.tenantId, verdict.vouchedBy], [tenantA, "login"]);
        assert.ok(sender !== "" && sender !== "joe@b.example" && sender !== "joe@claimed.example");
        if (match) assert.ok(login.ownAddresses.includes(sender));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("evaluate", () => {
  test("is deterministic, explained or not", () => {
    const any = fc
      .tuple(strangers, fc.boolean())
      .map(([facts, local]) => (local ? { ...facts, recipient: localRecipient() } : facts));
    fc.assert(
      fc.property(
        inputs,
        any,
        fc.constantFrom<Phase>("connect", "helo", "mail", "rcpt", "data"),
        (all, facts, phase) => {
          const { facts: known, verdict } = judgeOn(compilePolicy(all), phase, facts);
          assert.deepEqual(compilePolicy(all).evaluate(phase, known).verdict, verdict);
          const { trace, ...explained } =
            compilePolicy(all).evaluate(phase, known, { explain: true }).verdict ?? assert.fail();
          assert.ok(trace);
          assert.deepEqual(explained, verdict);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("an accept entry that matches beats every kill entry", () => {
    fc.assert(
      fc.property(inputs, strangers, fc.constantFrom(platformScope, scopeA, domainScopeA), (all, facts, scope) => {
        if (facts.listener === "submission" || facts.ip === "garbage") return;
        const accepting = entry(scope, "accept", facts.ip);
        const policy = compilePolicy({ ...all, entries: [...all.entries, accepting] });
        const verdict = verdictOn(policy, "rcpt", { ...facts, recipient: localRecipient() });
        assert.equal(verdict.reason, "accept-listed");
      }),
      { numRuns: 1_000 },
    );
  });
});
