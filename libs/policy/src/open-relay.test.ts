import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Scope } from "@mailfold/domain";
import fc from "fast-check";
import { compilePolicy } from "./compiled-policy.ts";
import { oracle } from "./open-relay-oracle.ts";
import { bounceRecipient, inputs, lookups, ownerOf, returns, strangers } from "./open-relay-test-world.ts";
import {
  domainA,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  localRecipient,
  loginOf,
  mailboxScopeA,
  platformScope,
  resellerScope,
  scopeA,
  setting,
  tenantA,
  tenantB,
  transactionOn,
  verdictOn,
} from "./policy-test-world.ts";
import type { Phase } from "./types.ts";

/** A new search in each run; its seed is shown, and given again in POLICY_SEED it is repeated. */
function search(context: TestContext, numRuns: number): { readonly seed: number; readonly numRuns: number } {
  const seed = Number(process.env.POLICY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  context.diagnostic(`POLICY_SEED=${seed}, ${numRuns} cases`);
  return { seed, numRuns };
}

describe("open relay theorem", () => {
  test("a peer without login relays only for a tenant whose policy names it or proves its sender, and never for another than its sender's", (context) => {
    const relayed = new Map<string, number>();
    let closed = 0;
    fc.assert(
      fc.property(inputs, strangers, lookups, (all, facts, found) => {
        const verdict = transactionOn(compilePolicy(all), facts, found);
        if (verdict.action !== "accept") {
          if (
            all.limits.length > 0 &&
            transactionOn(compilePolicy({ ...all, limits: [] }), facts, found).action === "accept"
          )
            closed++;
          return;
        }
        relayed.set(verdict.reason, (relayed.get(verdict.reason) ?? 0) + 1);
        const { names, platformNames, platformProves, proves, ipVouches } = oracle(all, facts, found);
        const owner = ownerOf(facts);
        const { tenantId } = verdict;
        assert.equal(verdict.route, "relay");
        assert.equal(facts.listener, "mx");
        if (owner) assert.equal(tenantId, owner);
        const isProven = verdict.reason === "relay-spf-entry";
        if (tenantId === undefined) {
          assert.ok(isProven ? platformProves : platformNames, "the platform names nobody here");
        } else {
          const may = isProven ? proves(tenantId, owner === tenantId) : names(tenantId, owner === tenantId);
          assert.ok(may, `${tenantId} does not name this peer`);
          assert.ok(!found.tenantsOff?.includes(tenantId), "a suspended tenant relays");
        }
        const scope: Scope = tenantId === undefined ? platformScope : { kind: "tenant", id: tenantId };
        if (facts.sender?.address === "" || verdict.vouchedBy === "ip-entry")
          assert.ok(ipVouches(scope), "no IP entry vouches");
        // What names a single tenant names no other: one of two could not be said to answer for the mail.
        if (tenantId !== undefined && owner === undefined) {
          const others = [tenantA, tenantB].filter((each) => each !== tenantId);
          const isSharedBy = isProven ? proves : names;
          assert.ok(!others.some((each) => isSharedBy(each, false)), "another tenant names this peer, too");
        }
      }),
      search(context, 24_000),
    );
    const total = [...relayed.values()].reduce((sum, count) => sum + count, 0);
    context.diagnostic(`relayed: ${JSON.stringify(Object.fromEntries(relayed))}`);
    context.diagnostic(`closed by locks: ${closed}`);
    assert.ok(closed > 30, `only ${closed} cases are closed by a lock`);
    assert.ok(total > 1_000, `only ${total} of the generated cases relay: the search proves little`);
    for (const reason of ["relay-address", "relay-accept-entry", "relay-spf-entry", "relay-local-host"]) {
      assert.ok((relayed.get(reason) ?? 0) > 20, `${reason}: ${relayed.get(reason)} cases`);
    }
  });

  test("who is named by exactly one tenant does relay, unless something else speaks against it", (context) => {
    const excuses = [
      "kill-listed",
      "null-sender-refused",
      "submission-suspended",
      "sender-domain-unverified",
      "host-lookup-failed",
      "helo-unresolved",
      "sender-domain-unresolved",
      "reverse-dns-missing",
      "spf-failed",
      "dns-listed",
    ];
    fc.assert(
      fc.property(inputs, strangers, lookups, (all, { origin: _, ...facts }, found) => {
        if (facts.listener === "submission") return;
        const verdict = verdictOn(compilePolicy(all), "rcpt", facts, found);
        const { names, platformNames, platformProves, proves } = oracle(all, facts, found);
        const owner = ownerOf(facts);
        const tenants = [tenantA, tenantB];
        const named = tenants.filter((tenantId) => names(tenantId, owner === tenantId));
        const proven = tenants.filter((tenantId) => proves(tenantId, owner === tenantId));
        const nobody = !platformNames && named.length === 0;
        const may = owner
          ? named.includes(owner) || proven.includes(owner)
          : platformNames || named.length === 1 || (nobody && (platformProves || proven.length === 1));
        if (may && verdict.action !== "accept") {
          // A trusting entry under a narrower one that does not trust is set aside: narrower entries decide.
          const isSetAside =
            ["relay-sender-unproven", "spf-lookup-failed"].includes(verdict.reason) &&
            all.entries.some((item) => item.trustUnverified);
          assert.ok(excuses.includes(verdict.reason) || isSetAside, verdict.reason);
        }
        if (!may) assert.equal(verdict.action === "accept", false);
      }),
      search(context, 8_000),
    );
  });

  test("a login relays for its own tenant only, under senders that are its own", (context) => {
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
        const verdict = transactionOn(policy, facts, found);
        if (verdict.action !== "accept") return;
        assert.deepEqual([verdict.tenantId, verdict.vouchedBy], [tenantA, "login"]);
        assert.ok(sender !== "" && sender !== "joe@b.example" && sender !== "joe@claimed.example");
        if (match) assert.ok(login.ownAddresses.includes(sender));
      }),
      search(context, 2_000),
    );
  });
});

describe("bounces of mail that was sent on", () => {
  test("only the null sender's, on the account of a verified domain, within their own counters, and vouched for by nobody", (context) => {
    let returned = 0;
    fc.assert(
      fc.property(inputs, returns, lookups, (all, facts, found) => {
        const verdict = transactionOn(compilePolicy(all), facts, found);
        if (verdict.action !== "accept" || verdict.reason !== "bounce-returned") return;
        returned += 1;
        const recipient = facts.recipient?.found;
        const domain = recipient?.kind === "foreign" ? recipient.bounceFor : undefined;
        assert.ok(domain?.verified === true && !domain.tenantInboundOff, "no domain that may send on");
        assert.deepEqual([facts.sender?.address, facts.listener], ["", "mx"]);
        assert.deepEqual([verdict.tenantId, verdict.vouchedBy], [domain.tenantId, "none"]);
        const { bouncesToAddress = 0, bouncesOfTenant = 0 } = facts.counters ?? {};
        assert.ok(bouncesToAddress < 10 && bouncesOfTenant < 200, "more than a few");
      }),
      search(context, 6_000),
    );
    assert.ok(returned > 100, `only ${returned} of the generated bounces go back`);
  });

  test("the peer is looked at like any other", () => {
    const facts = factsOf({ from: "", recipient: bounceRecipient(domainA) });
    const listed = { dnsLists: { "bl.test": "listed" } } as const;
    const dnsbl = setting(scopeA, "dnsbl", [{ zone: "bl.test", trusted: true }]);
    assert.equal(
      verdictOn(compilePolicy({ settings: [], entries: [] }), "rcpt", facts, listed).reason,
      "bounce-returned",
    );
    assert.equal(
      verdictOn(compilePolicy({ settings: [dnsbl], entries: [] }), "rcpt", facts, listed).reason,
      "dns-listed",
    );
    const many = { ...facts, counters: { bouncesToAddress: 10 } };
    const { reason, action } = verdictOn(compilePolicy({ settings: [], entries: [] }), "rcpt", many, {});
    assert.deepEqual([reason, action], ["rate-limited-bounces", "defer"]);
    const claimed = { ...facts, recipient: bounceRecipient({ ...domainA, verified: false }) };
    const refused = verdictOn(compilePolicy({ settings: [], entries: [] }), "rcpt", claimed, {});
    assert.equal(refused.reason, "recipient-unknown");
  });
});

describe("evaluate", () => {
  test("is deterministic, explained or not; recorded facts are enough", (context) => {
    const any = fc
      .tuple(strangers, fc.boolean())
      .map(([facts, local]) => (local ? { ...facts, recipient: localRecipient() } : facts));
    const phases = fc.constantFrom<Phase>("connect", "helo", "mail", "rcpt", "data");
    fc.assert(
      fc.property(inputs, any, lookups, phases, (all, facts, found, phase) => {
        const { facts: known, verdict } = judgeOn(compilePolicy(all), phase, facts, found);
        assert.deepEqual(compilePolicy(all).evaluate(phase, known).verdict, verdict);
        const options = { explain: true, recorded: true };
        const { trace, ...explained } = compilePolicy(all).evaluate(phase, known, options).verdict ?? assert.fail();
        assert.ok(trace);
        assert.deepEqual(explained, verdict);
      }),
      search(context, 2_000),
    );
  });

  test("an accept entry that matches beats every kill entry, of every scope", (context) => {
    const accepting = fc.constantFrom(platformScope, resellerScope, scopeA, domainScopeA, mailboxScopeA);
    fc.assert(
      fc.property(inputs, strangers, lookups, accepting, (all, { origin: _, ...facts }, found, scope) => {
        if (facts.listener === "submission" || facts.ip === "garbage") return;
        const policy = compilePolicy({ ...all, entries: [...all.entries, entry(scope, "accept", facts.ip)] });
        const local = { ...facts, recipient: localRecipient() };
        assert.equal(verdictOn(policy, "rcpt", local, found).reason, "accept-listed");
        const atData = transactionOn(policy, local, found);
        assert.deepEqual([atData.reason, atData.score], ["accept-listed", undefined]);
      }),
      search(context, 3_000),
    );
  });
});
