import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  claimed,
  domainA,
  entry,
  factsOf,
  foreignRecipient,
  type Lookups,
  loginOf,
  platformScope,
  policyOf,
  scopeA,
  scopeB,
  setting,
  tenantA,
  tenantB,
  verdictOn,
} from "./policy-test-world.ts";
import type { CompiledPolicy, Facts } from "./types.ts";

const relay = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}, lookups: Lookups = {}): string => {
  const verdict = verdictOn(policy, "rcpt", factsOf({ recipient: foreignRecipient, ...more }), lookups);
  return verdict.action === "accept" ? `${verdict.reason} for ${verdict.tenantId ?? "platform"}` : verdict.reason;
};
const hostOfA: Lookups = { host: { status: "confirmed", name: "printer.a.example", owner: domainA } };
const senders = { own: "joe@a.example", foreign: "joe@ext.example", none: "", notAUser: "ghost@a.example" };
const answers = (policy: CompiledPolicy, lookups: Lookups = {}, more: Partial<Facts> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(senders).map(([name, from]) => [name, relay(policy, { from, ...more }, lookups)]));
const mode = (value: string) => setting(scopeA, "relayMode", value);
const unlock = (...words: string[]) => setting(platformScope, "unlocks", words);
const allDenied = { own: "relay-denied", foreign: "relay-denied", none: "relay-null-sender", notAUser: "relay-denied" };

describe("relaying without a login", () => {
  test("none: nobody", () => {
    assert.deepEqual(answers(policyOf()), allDenied);
    assert.deepEqual(
      answers(policyOf(mode("none"), setting(scopeA, "relayAddresses", ["192.0.2.7"])), hostOfA),
      allDenied,
    );
  });

  test("addresses: listed peers, on the listing tenant's account, any sender but another tenant's", () => {
    const policy = policyOf(mode("addresses"), setting(scopeA, "relayAddresses", ["192.0.2.0/24"]));
    const granted = "relay-address for ten_a";
    assert.deepEqual(answers(policy), { own: granted, foreign: granted, none: granted, notAUser: granted });
    assert.deepEqual(answers(policy, {}, { ip: "192.0.3.1" }), allDenied);
    assert.equal(relay(policy, { from: "joe@b.example" }), "relay-denied");
    assert.equal(relay(policy, { from: "joe@claimed.example" }), "sender-domain-unverified");
    assert.equal(relay(policy, {}, { tenantsOff: [tenantA] }), "submission-suspended");
    assert.equal(relay(policy, { from: senders.own }, { tenantsOff: [tenantA] }), "submission-suspended");
    const verdict = verdictOn(policy, "rcpt", factsOf({ recipient: foreignRecipient }));
    assert.deepEqual([verdict.vouchedBy, verdict.route], ["ip-entry", "relay"]);
    assert.equal(verdict.decisive.detail, "192.0.2.0/24");
  });

  test("localHosts: a confirmed host name in an own verified domain", () => {
    const policy = policyOf(mode("localHosts"));
    const granted = "relay-local-host for ten_a";
    assert.deepEqual(answers(policy, hostOfA), {
      own: granted,
      foreign: granted,
      none: "relay-null-sender",
      notAUser: granted,
    });
    for (const lookups of [
      {},
      { host: { status: "mismatch" } },
      { host: { status: "confirmed", name: "x.test" } },
    ] as Lookups[]) {
      assert.deepEqual(answers(policy, lookups), allDenied);
    }
    assert.equal(
      relay(policy, {}, { host: { status: "confirmed", name: "x.claimed.example", owner: claimed } }),
      "relay-denied",
    );
    assert.equal(relay(policy, { from: "joe@b.example" }, hostOfA), "relay-denied");
    const failed = verdictOn(policy, "rcpt", factsOf({ recipient: foreignRecipient }), { host: { status: "failed" } });
    assert.deepEqual([failed.reason, failed.code], ["host-lookup-failed", 451]);
  });

  test("localUsers: own mailboxes as sender, while unlocked", () => {
    assert.deepEqual(answers(policyOf(mode("localUsers"))), allDenied);
    const open = answers(policyOf(mode("localUsers"), unlock("localUsers")));
    assert.deepEqual(open, { ...allDenied, own: "relay-local-user for ten_a" });
  });

  test("anyone: at a tenant its verified senders, at the platform any sender, while unlocked", () => {
    assert.deepEqual(answers(policyOf(mode("anyone"))), allDenied);
    const granted = "relay-anyone for ten_a";
    assert.deepEqual(answers(policyOf(mode("anyone"), unlock("anyone"))), {
      ...allDenied,
      own: granted,
      notAUser: granted,
    });
    const platform = policyOf(setting(platformScope, "relayMode", "anyone"), unlock("anyone"));
    assert.equal(relay(platform), "relay-anyone for platform");
    assert.equal(relay(platform, { from: senders.own }), granted);
    assert.equal(relay(platform, { from: "" }), "relay-null-sender");
    const optedOut = policyOf(setting(platformScope, "relayMode", "anyone"), unlock("anyone"), mode("none"));
    assert.equal(relay(optedOut, { from: senders.own }), "relay-denied");
  });

  test("accept entries: IPs within width open relaying at tenant scope, addresses only when trusted and unlocked", () => {
    const granted = "relay-accept-entry for ten_a";
    assert.equal(relay(policyOf(entry(scopeA, "accept", "192.0.2.0/24"))), granted);
    assert.equal(relay(policyOf(entry(scopeA, "accept", "192.0.2.7")), { from: "" }), granted);
    for (const pattern of ["0.0.0.0/0", "192.0.0.0/16", "@*example", "mail.ext.example"]) {
      assert.equal(relay(policyOf(entry(scopeA, "accept", pattern))), "relay-denied", pattern);
    }
    assert.equal(relay(policyOf(entry(scopeA, "accept", "127.0.0.0/24")), { ip: "127.0.0.1" }), "relay-denied");
    assert.equal(relay(policyOf(entry(scopeA, "accept", "192.0.2.7", { expiresAt: 1_000 }))), "relay-denied");
    for (const pattern of ["joe@ext.example", "@ext.example"]) {
      assert.equal(relay(policyOf(entry(scopeA, "accept", pattern))), "relay-sender-unproven");
      const trusted = entry(scopeA, "accept", pattern, { trustUnverified: true });
      assert.equal(relay(policyOf(trusted)), "relay-sender-unproven");
      assert.equal(relay(policyOf(trusted, unlock("trustUnverified"))), "relay-unverified-entry for ten_a");
    }
    assert.equal(
      relay(policyOf(entry(scopeA, "accept", "joe@a.example")), { from: senders.own }),
      "relay-sender-unproven",
    );
  });

  test("several tenants that name one peer are ambiguous, unless the sender's verified domain decides", () => {
    const list = (scope: typeof scopeA) => [
      setting(scope, "relayMode", "addresses"),
      setting(scope, "relayAddresses", ["192.0.2.0/24"]),
    ];
    const policy = policyOf(...list(scopeA), ...list(scopeB));
    assert.equal(relay(policy), "relay-ambiguous");
    assert.equal(relay(policy, { from: "" }), "relay-ambiguous");
    assert.equal(relay(policy, { from: "joe@a.example" }), "relay-address for ten_a");
    assert.equal(relay(policy, { from: "joe@b.example" }), "relay-address for ten_b");
    const oneOff = policyOf(...list(scopeA), ...list(scopeB), setting(scopeB, "relayMode", "none"));
    assert.equal(relay(oneOff), "relay-address for ten_a");
  });

  test("the platform's own addresses relay on its account, before any tenant that lists them too", () => {
    const platform = [
      setting(platformScope, "relayMode", "addresses"),
      setting(platformScope, "relayAddresses", ["192.0.0.0/16"]),
    ];
    assert.equal(relay(policyOf(...platform)), "relay-address for platform");
    assert.equal(relay(policyOf(...platform, entry(scopeB, "accept", "192.0.2.7"))), "relay-address for platform");
    assert.equal(relay(policyOf(...platform), { from: senders.own }), "relay-address for ten_a");
    assert.equal(relay(policyOf(...platform, mode("none")), { from: senders.own }), "relay-denied");
    assert.equal(
      relay(policyOf(...platform, setting(scopeA, "relayAddresses", [])), { from: senders.own }),
      "relay-denied",
    );
  });

  test("one transaction relays for one tenant", () => {
    const policy = policyOf(entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(relay(policy, { relayTenant: tenantB }), "relay-ambiguous");
    assert.equal(relay(policy, { relayTenant: tenantA }), "relay-accept-entry for ten_a");
  });

  test("a kill entry beats relayAddresses, and is answered before a denied relay", () => {
    const policy = policyOf(
      mode("addresses"),
      setting(scopeA, "relayAddresses", ["192.0.2.0/24"]),
      entry(scopeA, "kill", "@ext.example"),
    );
    assert.equal(relay(policy), "kill-listed");
    assert.equal(relay(policyOf(entry(platformScope, "kill", "192.0.2.7"))), "kill-listed");
  });

  test("a sender written as a route does not relay", () => {
    const policy = policyOf(entry(scopeA, "accept", "192.0.2.7"));
    for (const form of ["percent-hack", "bang-path", "quoted-local", "source-route", "ip-literal"] as const) {
      assert.equal(relay(policy, { sender: { address: "a%b@ext.example", form } }), "sender-form");
    }
  });
});

describe("relaying with a login", () => {
  const login = loginOf(tenantA);
  const submit = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}): string =>
    relay(policy, { listener: "submission", login, from: senders.own, ...more });

  test("relays in every mode, with its own addresses only", () => {
    for (const value of ["none", "addresses", "localHosts", "localUsers", "anyone"]) {
      assert.equal(submit(policyOf(mode(value))), "relay-login for ten_a");
    }
    assert.equal(submit(policyOf(), { from: "info@a.example" }), "relay-login for ten_a");
    for (const from of ["ghost@a.example", "joe@b.example", senders.foreign]) {
      assert.equal(submit(policyOf(), { from }), "sender-mismatch");
    }
    assert.equal(submit(policyOf(), { from: "" }), "relay-null-sender");
  });

  test("senderMustMatchLogin off never gives another tenant's domain or an unproven claim", () => {
    const off = policyOf(setting(scopeA, "senderMustMatchLogin", false));
    assert.equal(submit(off, { from: senders.foreign }), "relay-login for ten_a");
    assert.equal(submit(off, { from: "joe@b.example" }), "sender-foreign-tenant");
    assert.equal(submit(off, { from: "joe@claimed.example" }), "sender-domain-unverified");
  });

  test("an own address in a lapsed or unverified domain does not relay", () => {
    const of = (address: string) => loginOf(tenantA, { ownAddresses: [address] });
    for (const from of ["joe@claimed.example", "joe@lapsed.example"]) {
      assert.equal(submit(policyOf(), { from, login: of(from) }), "sender-domain-unverified");
    }
    assert.equal(submit(policyOf(), { from: "joe@b.example", login: of("joe@b.example") }), "sender-foreign-tenant");
  });

  test("suspension, missing login and missing TLS", () => {
    assert.equal(submit(policyOf(), { login: loginOf(tenantA, { submissionOff: true }) }), "submission-suspended");
    assert.equal(submit(policyOf(), { tls: false }), "tls-required");
    assert.equal(submit(policyOf(setting(scopeA, "requireTls", false)), { tls: false }), "tls-required");
    assert.equal(
      submit(policyOf(setting(platformScope, "requireTls", false)), { tls: false }),
      "relay-login for ten_a",
    );
    assert.equal(relay(policyOf(entry(scopeA, "accept", "192.0.2.7")), { listener: "submission" }), "auth-required");
  });

  test("IP kill entries spare logins, sender kill entries do not", () => {
    assert.equal(submit(policyOf(entry(platformScope, "kill", "192.0.2.0/24"))), "relay-login for ten_a");
    assert.equal(submit(policyOf(entry(platformScope, "kill", senders.own))), "kill-listed");
  });
});
