import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ListingScope, ListingSubject } from "@mailfold/domain";
import type { ListingId } from "@mailfold/kernel";
import { compilePolicy, withListing, withoutListing } from "./compiled-policy.ts";
import type { AuthenticationFact } from "./content-facts.ts";
import type { ListingInput } from "./learned-lists.ts";
import type { SettingInput } from "./policy-changes.ts";
import {
  authenticationOf,
  contentOf,
  domainA,
  entry,
  factsOf,
  judgeOn,
  type Lookups,
  loginOf,
  platformScope,
  scopeA,
  scopeB,
  setting,
  tenantA,
  transactionOn,
  verdictOn,
} from "./policy-test-world.ts";
import type { EntryInput, Facts } from "./types.ts";

const listing = (
  scope: ListingScope,
  subject: ListingSubject | null,
  more: Partial<ListingInput> = {},
): ListingInput => ({
  listingId: "lst_01jd7q00000000000000000012" as ListingId,
  scope,
  subject,
  action: "reject",
  expiresAt: 5_000,
  byEvent: "0198f000-0000-7000-8000-0000000000aa",
  ...more,
});
const own: ListingScope = { kind: "tenant", id: tenantA };
const everyone: ListingScope = { kind: "platform" };
const ip: ListingSubject = { kind: "ip", value: "192.0.2.7" };

function policyOf(
  listings: readonly ListingInput[],
  ...inputs: readonly (SettingInput | EntryInput)[]
): ReturnType<typeof compilePolicy> {
  return compilePolicy({
    listings,
    settings: inputs.filter((input): input is SettingInput => "name" in input),
    entries: inputs.filter((input): input is EntryInput => "entryId" in input),
  });
}
const reasonAt = (phase: "rcpt" | "data", policy: ReturnType<typeof policyOf>, facts: Facts, lookups: Lookups = {}) =>
  verdictOn(policy, phase, facts, lookups).reason;

describe("learned lists: addresses and networks", () => {
  test("a listed address is refused at RCPT before anything is looked up, with its listing and the event that listed it", () => {
    const { verdict, rounds } = judgeOn(policyOf([listing(own, ip)]), "rcpt", factsOf());
    assert.deepEqual(
      [verdict.action, verdict.code, verdict.enhancedCode, verdict.reason, verdict.phase, verdict.scope],
      ["reject", 550, "5.7.1", "learned-ip", "connect", tenantA],
    );
    assert.deepEqual(verdict.decisive, {
      step: "learned-list",
      outcome: "refuse",
      setAtScope: tenantA,
      byEvent: "0198f000-0000-7000-8000-0000000000aa",
      detail: "listing lst_01jd7q00000000000000000012 192.0.2.7 until 5000",
    });
    assert.deepEqual(rounds, []);
  });

  test("networks of both families, IPv6 addresses by their /64, and the action defer", () => {
    const cases = [
      [{ kind: "prefix", value: "192.0.2.0/24" }, "192.0.2.7", "learned-network"],
      [{ kind: "prefix", value: "192.0.3.0/24" }, "192.0.2.7", "accepted"],
      [{ kind: "ip", value: "2001:db8:0:1::/64" }, "2001:db8:0:1:aaaa::9", "learned-ip"],
      [{ kind: "ip", value: "2001:db8:0:1::/64" }, "2001:db8:0:2::9", "accepted"],
      [{ kind: "prefix", value: "2001:db8:0:0::/56" }, "2001:db8:0:ff::9", "learned-network"],
      [{ kind: "prefix", value: "from the future" }, "192.0.2.7", "accepted"],
    ] as const;
    for (const [subject, peer, reason] of cases) {
      assert.equal(reasonAt("rcpt", policyOf([listing(own, subject)]), factsOf({ ip: peer })), reason, subject.value);
    }
    const deferred = verdictOn(policyOf([listing(own, ip, { action: "defer" })]), "rcpt", factsOf());
    assert.deepEqual(
      [deferred.action, deferred.code, deferred.reason, deferred.text],
      ["defer", 451, "learned-ip-deferred", "Too much spam came from your address; try again later"],
    );
    const erased = policyOf([listing(own, null)]);
    assert.equal(reasonAt("rcpt", erased, factsOf()), "accepted");
  });

  test("a refusal beats a deferral, the tenant's list is named before the platform's", () => {
    const network: ListingSubject = { kind: "prefix", value: "192.0.2.0/24" };
    const both = policyOf([
      listing(own, ip, { action: "defer", byEvent: "own" }),
      listing(everyone, network, { byEvent: "all" }),
    ]);
    assert.equal(reasonAt("rcpt", both, factsOf()), "learned-network");
    const equal = policyOf([listing(everyone, ip, { byEvent: "all" }), listing(own, network, { byEvent: "own" })]);
    assert.equal(verdictOn(equal, "rcpt", factsOf()).decisive.byEvent, "own");
  });

  test("a raised listing takes the place of the deferring one, a delisted or expired one does nothing", () => {
    const deferring = policyOf([listing(own, ip, { action: "defer" })]);
    const raised = withListing(deferring, listing(own, ip));
    assert.equal(reasonAt("rcpt", raised, factsOf()), "learned-ip");
    assert.equal(
      reasonAt("rcpt", withListing(raised, listing(own, ip, { action: "defer" })), factsOf()),
      "learned-ip-deferred",
    );
    assert.equal(reasonAt("rcpt", withoutListing(raised, { scope: own, subject: ip }, "gone"), factsOf()), "accepted");
    assert.equal(
      reasonAt("rcpt", withoutListing(deferring, { scope: own, subject: ip }, "gone"), factsOf()),
      "accepted",
    );
    assert.equal(reasonAt("rcpt", raised, factsOf({ at: 5_000 })), "accepted");
    assert.equal(withoutListing(raised, { scope: own, subject: ip }, "gone").revision, "gone");
    assert.equal(reasonAt("rcpt", deferring, factsOf()), "learned-ip-deferred", "older snapshots stay as they are");
  });

  test("lists of others do not count; a tenant may switch its own off, and do without the platform's", () => {
    const others: ListingScope = { kind: "tenant", id: scopeB.kind === "tenant" ? scopeB.id : tenantA };
    assert.equal(reasonAt("rcpt", policyOf([listing(others, ip)]), factsOf()), "accepted");
    const off = (name: string, scope = scopeA) => setting(scope, name, false);
    assert.equal(reasonAt("rcpt", policyOf([listing(own, ip)], off("learning.enabled")), factsOf()), "accepted");
    assert.equal(reasonAt("rcpt", policyOf([listing(own, ip)], off("learning.use")), factsOf()), "learned-ip");
    assert.equal(reasonAt("rcpt", policyOf([listing(everyone, ip)], off("learning.use")), factsOf()), "accepted");
    assert.equal(reasonAt("rcpt", policyOf([listing(everyone, ip)], off("learning.enabled")), factsOf()), "learned-ip");
    const closed = policyOf([listing(everyone, ip)], off("learning.enabled", platformScope));
    assert.equal(reasonAt("rcpt", closed, factsOf()), "accepted");
  });

  test("accept entries win; logins, private peers, relays and trusted relays themselves are never looked up", () => {
    const listed = [listing(own, ip), listing(everyone, ip)];
    for (const pattern of ["192.0.2.7", "joe@ext.example"]) {
      assert.equal(reasonAt("rcpt", policyOf(listed, entry(scopeA, "accept", pattern)), factsOf()), "accept-listed");
    }
    const forged = policyOf(listed, entry(scopeA, "accept", "joe@ext.example"));
    assert.equal(reasonAt("rcpt", forged, factsOf(), { spf: "fail" }), "learned-ip");
    const login = loginOf(tenantA);
    assert.equal(reasonAt("rcpt", policyOf(listed), factsOf({ login, from: login.address })), "accepted");
    const local = policyOf([listing(own, { kind: "ip", value: "10.1.2.3" })]);
    assert.equal(reasonAt("rcpt", local, factsOf({ ip: "10.1.2.3" })), "accepted");
    for (const scope of [scopeA, platformScope]) {
      const relays = policyOf(listed, setting(scope, "relayAddresses", ["192.0.2.7"]));
      assert.equal(reasonAt("rcpt", relays, factsOf()), "accepted");
    }
    const trusted = policyOf(listed, setting(scopeA, "trustedRelays", ["192.0.2.7"]));
    assert.equal(reasonAt("rcpt", trusted, factsOf()), "accepted");
    const origin = { ip: "198.51.100.9" };
    const beyond = policyOf(
      [listing(own, { kind: "ip", value: origin.ip })],
      setting(scopeA, "trustedRelays", ["192.0.2.7"]),
    );
    const found = transactionOn(beyond, factsOf({ origin }));
    assert.deepEqual([found.reason, found.phase], ["learned-ip", "data"]);
  });
});

describe("learned lists: domains and senders", () => {
  const dmarc = (
    result: "pass" | "fail" | "none",
    domain = "ext.example",
  ): Lookups & { authentication: AuthenticationFact } => ({
    authentication: authenticationOf({ dmarc: { result, domain } }),
  });
  const domain: ListingSubject = { kind: "domain", value: "ext.example" };
  const sender: ListingSubject = { kind: "sender", value: "joe@ext.example" };

  test("count after DATA, and only where DMARC proves the author's domain", () => {
    assert.equal(transactionOn(policyOf([listing(own, domain)]), factsOf(), dmarc("pass")).reason, "learned-domain");
    assert.equal(transactionOn(policyOf([listing(own, sender)]), factsOf(), dmarc("pass")).reason, "learned-sender");
    for (const result of ["fail", "none"] as const) {
      assert.equal(transactionOn(policyOf([listing(own, domain)]), factsOf(), dmarc(result)).reason, "accepted");
    }
    const other = factsOf({ from: "ann@ext.example" });
    assert.equal(transactionOn(policyOf([listing(own, sender)]), other, dmarc("pass")).reason, "accepted");
    const deferred = policyOf([listing(everyone, domain, { action: "defer" })]);
    assert.equal(transactionOn(deferred, factsOf(), dmarc("pass")).reason, "learned-domain-deferred");
  });

  test("the author is who the From header names, whoever the envelope names", () => {
    const facts = factsOf({ from: "bounce@lists.example", content: contentOf("Joe@ext.example") });
    assert.equal(transactionOn(policyOf([listing(own, sender)]), facts, dmarc("pass")).reason, "learned-sender");
    const two = factsOf({ content: contentOf("joe@ext.example", { fromCount: 2 }) });
    assert.equal(transactionOn(policyOf([listing(own, sender)]), two, dmarc("pass")).reason, "accepted");
  });

  test("an accept entry wins", () => {
    const accepted = policyOf([listing(own, domain)], entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(transactionOn(accepted, factsOf(), dmarc("pass")).reason, "accept-listed");
  });
});

describe("spam traps", () => {
  const unknown: Facts["recipient"] = {
    address: "old@a.example",
    form: "plain",
    found: { kind: "unknown", domain: domainA },
    acceptedBefore: 0,
  };

  test("an unknown address that is a trap is refused in the same words as any other, under a reason of its own", () => {
    const trap = policyOf([], setting({ kind: "domain", id: domainA.domainId }, "spamTraps", ["old@a.example"]));
    const facts = factsOf({ recipient: { ...unknown, address: "Old@a.example" } });
    const verdict = verdictOn(trap, "rcpt", facts);
    const plain = verdictOn(policyOf([]), "rcpt", facts);
    assert.deepEqual([verdict.reason, plain.reason], ["recipient-spam-trap", "recipient-unknown"]);
    assert.deepEqual(
      [verdict.action, verdict.code, verdict.enhancedCode, verdict.text],
      [plain.action, plain.code, plain.enhancedCode, plain.text],
    );
  });

  test("an address that exists is no trap", () => {
    const policy = policyOf([], setting(scopeA, "spamTraps", ["joe@a.example"]));
    assert.equal(reasonAt("rcpt", policy, factsOf()), "accepted");
  });
});
