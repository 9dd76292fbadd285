import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingInput } from "./policy-changes.ts";
import {
  authenticationOf,
  domainA,
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  localRecipient,
  mailboxScopeA,
  platformScope,
  policyOf,
  scopeA,
  setting,
  tenantA,
  transactionOn,
  verdictOn,
} from "./policy-test-world.ts";
import type { CompiledPolicy, EntryInput, Facts, Need } from "./types.ts";

type More = Parameters<typeof factsOf>[0];
const rcpt = (policy: CompiledPolicy, lookups: Lookups = {}, more: More = {}) =>
  verdictOn(policy, "rcpt", factsOf(more), lookups);
const reply = (verdict: { code: number; enhancedCode: string; reason: string; phase: string }) =>
  `${verdict.code} ${verdict.enhancedCode} ${verdict.reason} at ${verdict.phase}`;
const needs = (policy: CompiledPolicy, facts: Facts, lookups: Lookups = {}): readonly (readonly Need[])[] =>
  judgeOn(policy, "rcpt", facts, lookups).rounds.map((round) => [...round.needs].sort());
const unknown = { ...localRecipient(), found: { kind: "unknown", domain: domainA } as const };

describe("trusted relays", () => {
  const policy = policyOf(
    setting(scopeA, "trustedRelays", ["192.0.2.0/24"]),
    setting(scopeA, "dnsbl", [{ zone: "bl.test", trusted: true }]),
    setting(scopeA, "spf", "reject"),
    setting(scopeA, "verifyHelo", "reject"),
    setting(scopeA, "reverseDns", "reject"),
    entry(scopeA, "kill", "192.0.2.7"),
    entry(scopeA, "kill", "198.51.100.9"),
  );
  const bad: Lookups = {
    heloName: "missing",
    host: { status: "none" },
    spf: "fail",
    dnsLists: { "bl.test": "listed" },
  };
  const authentication = authenticationOf({ spf: { result: "fail", identity: "mailfrom", domain: "ext.example" } });

  test("before DATA no check by IP decides, then the first address beyond them does", () => {
    assert.equal(rcpt(policy, bad).reason, "accepted");
    assert.deepEqual(needs(policy, factsOf()), [["senderDomain"]]);
    const beyond = (ip: string, found: Lookups) => transactionOn(policy, factsOf({ origin: { ip } }), found);
    assert.equal(reply(beyond("198.51.100.1", bad)), "550 5.7.1 dns-listed at data");
    assert.equal(reply(beyond("198.51.100.1", { authentication })), "550 5.7.23 spf-failed at data");
    assert.equal(beyond("198.51.100.9", {}).reason, "kill-listed");
    assert.equal(beyond("198.51.100.1", {}).reason, "accepted");
    assert.equal(beyond("10.0.0.9", { ...bad, authentication }).reason, "accepted");
  });

  test("without an address beyond them nothing is known of the sender's", () => {
    for (const origin of [null, undefined]) {
      const facts = factsOf(origin === undefined ? {} : { origin });
      const { rounds, verdict } = judgeOn(policy, "data", facts, { ...bad, authentication });
      assert.equal(verdict.reason, "accepted");
      assert.ok(!rounds.some((round) => round.needs.includes("authentication")));
    }
  });

  test("another tenant's trust changes nothing, and an address beyond is nobody's when the peer is not trusted", () => {
    const strictHere = policyOf(setting(scopeA, "spf", "reject"));
    const facts = factsOf({ origin: { ip: "198.51.100.1" } });
    assert.equal(transactionOn(strictHere, facts, { spf: "fail" }).reason, "spf-failed");
  });
});

describe("accept entries for a sender", () => {
  const policy = policyOf(entry(scopeA, "accept", "@ext.example"), entry(scopeA, "kill", "192.0.2.7"));

  test("hold until SPF fails", () => {
    for (const spf of ["pass", "none", "neutral", "softfail", "temperror", "permerror"] as const) {
      assert.equal(rcpt(policy, { spf }).reason, "accept-listed", spf);
    }
    assert.equal(rcpt(policy, { spf: "fail" }).reason, "kill-listed");
    assert.deepEqual(needs(policy, factsOf()), [["spf"]]);
    for (const pattern of ["joe@ext.example", "@*xt.example"]) {
      const entries = policyOf(entry(scopeA, "accept", pattern), entry(scopeA, "kill", "192.0.2.7"));
      assert.equal(rcpt(entries, { spf: "fail" }).reason, "kill-listed", pattern);
    }
  });

  test("hold until DMARC fails for that sender", () => {
    const fails = (domain: string) => authenticationOf({ dmarc: { result: "fail", domain, policy: "none" } });
    const data = (found: Lookups) => transactionOn(policy, factsOf(), found).reason;
    assert.equal(data({ authentication: fails("ext.example") }), "kill-listed");
    assert.equal(data({ spf: "pass", authentication: fails("ext.example") }), "kill-listed");
    assert.equal(data({ authentication: fails("author.example") }), "kill-listed", "nothing proves the sender");
    assert.equal(data({ spf: "pass", authentication: fails("author.example") }), "accept-listed", "a mailing list");
    assert.equal(data({}), "accept-listed");
  });

  test("an entry for the IP needs no proof; neither does a login or a private peer", () => {
    const byIp = policyOf(entry(scopeA, "accept", "192.0.2.7"), entry(scopeA, "accept", "@ext.example"));
    assert.deepEqual(needs(byIp, factsOf()), []);
    assert.equal(rcpt(policy, { spf: "fail" }, { ip: "10.0.0.1" }).reason, "accept-listed");
  });

  test("beat no suspended mailbox, no unknown recipient and no form", () => {
    assert.equal(rcpt(policy, {}, { recipient: unknown }).reason, "recipient-unknown");
  });
});

describe("relaying by SPF", () => {
  const relay = (inputs: readonly (SettingInput | EntryInput)[], found: Lookups, more: More = {}) =>
    transactionOn(policyOf(...inputs), factsOf({ recipient: foreignRecipient, ...more }), found);
  const accepting = [entry(scopeA, "accept", "@ext.example")];

  test("an entry at tenant scope or above opens when MAIL FROM passes; never a suffix, never below", () => {
    const opened = relay(accepting, { spf: "pass" });
    assert.deepEqual([opened.reason, opened.tenantId, opened.vouchedBy], ["relay-spf-entry", tenantA, "none"]);
    const platform = relay([entry(platformScope, "accept", "joe@ext.example")], { spf: "pass" });
    assert.deepEqual([platform.reason, platform.tenantId], ["relay-spf-entry", undefined]);
    for (const inputs of [[entry(scopeA, "accept", "@*example")], [entry(mailboxScopeA, "accept", "@ext.example")]]) {
      assert.equal(relay(inputs, { spf: "pass" }).reason, "relay-denied");
    }
  });

  test("anything but pass does not open; no answer from DNS defers", () => {
    for (const spf of ["none", "neutral", "softfail", "fail", "permerror"] as const) {
      assert.equal(relay(accepting, { spf }).reason, "relay-sender-unproven", spf);
    }
    const later = relay(accepting, { spf: "temperror" });
    assert.deepEqual([later.reason, later.code], ["spf-lookup-failed", 451]);
    assert.equal(relay(accepting, { spf: "pass" }, { ip: "10.0.0.1" }).reason, "relay-sender-unproven");
    assert.equal(relay(accepting, { spf: "pass" }, { from: "" }).reason, "relay-null-sender");
  });

  test("a message whose From DMARC disproves is refused after all", () => {
    const authentication = authenticationOf({ dmarc: { result: "fail", domain: "ext.example" } });
    const refused = relay(accepting, { spf: "pass", authentication });
    assert.deepEqual([refused.reason, refused.phase], ["relay-sender-unproven", "data"]);
  });

  test("what names the peer goes before what names the sender", () => {
    const other = entry({ kind: "tenant", id: "ten_b" as never }, "accept", "192.0.2.7");
    const verdict = relay([...accepting, other], { spf: "pass" });
    assert.deepEqual([verdict.reason, verdict.tenantId], ["relay-accept-entry", "ten_b"]);
  });
});
