import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingInput } from "./policy-changes.ts";
import {
  domainA,
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  localRecipient,
  loginOf,
  mailboxScopeA,
  platformScope,
  policyOf,
  resellerScope,
  scopeA,
  setting,
  tenantA,
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
const strict = (name: string) => policyOf(setting(scopeA, name, "reject"));
const unknown = { ...localRecipient(), found: { kind: "unknown", domain: domainA } as const };

describe("checks of the peer", () => {
  test("off, score and reject, each with its reason, phase and points", () => {
    const cases: readonly [string, Lookups, string, number][] = [
      ["verifyHelo", { heloName: "missing" }, "550 5.7.1 helo-unresolved at helo", 1],
      ["verifyHelo", { heloName: "malformed" }, "550 5.7.1 helo-unresolved at helo", 1],
      ["verifySenderDomain", { senderDomain: "missing" }, "550 5.1.8 sender-domain-unresolved at mail", 2.5],
      ["verifySenderDomain", { senderDomain: "nullMx" }, "550 5.7.27 sender-domain-null-mx at mail", 2.5],
      ["reverseDns", { host: { status: "none" } }, "550 5.7.25 reverse-dns-missing at connect", 1],
      ["reverseDns", { host: { status: "mismatch" } }, "550 5.7.25 reverse-dns-missing at connect", 1],
      ["spf", { spf: "fail" }, "550 5.7.23 spf-failed at mail", 3],
    ];
    for (const [name, found, refusal, points] of cases) {
      assert.equal(reply(rcpt(strict(name), found)), refusal);
      const scored = rcpt(policyOf(), found);
      assert.deepEqual([scored.action, scored.score], ["accept", points], name);
      assert.equal(scored.scoreParts?.length, 1);
      const off = rcpt(policyOf(setting(scopeA, name, "off")), found);
      assert.deepEqual([off.action, off.score], ["accept", undefined], name);
    }
    const decisive = rcpt(strict("spf"), { spf: "fail" }).decisive;
    assert.deepEqual([decisive.setting, decisive.setAtScope], ["spf", tenantA]);
  });

  test("softfail and a HELO literal only ever score", () => {
    assert.equal(rcpt(strict("spf"), { spf: "softfail" }).score, 1);
    assert.equal(rcpt(strict("verifyHelo"), { heloName: "literal" }).score, 0.5);
  });

  test("a failed look-up adds nothing and refuses nothing", () => {
    const policy = policyOf(
      ...["verifyHelo", "verifySenderDomain", "reverseDns", "spf"].map((name) => setting(scopeA, name, "reject")),
      setting(scopeA, "dnsbl", [{ zone: "bl.test", trusted: true }]),
    );
    const failed: Lookups = {
      host: { status: "failed" },
      heloName: "failed",
      senderDomain: "failed",
      spf: "temperror",
      dnsLists: { "bl.test": "failed" },
    };
    for (const found of [failed, { ...failed, spf: "permerror" } as const]) {
      const verdict = rcpt(policy, found);
      assert.deepEqual([verdict.reason, verdict.score], ["accepted", undefined]);
    }
  });

  test("one round asks for everything; what is switched off is not asked", () => {
    const policy = policyOf(setting(platformScope, "dnsbl", [{ zone: "bl.test", weight: 2 }]));
    assert.deepEqual(needs(policy, factsOf()), [["dnsLists", "heloName", "host", "senderDomain", "spf"]]);
    const off = ["verifyHelo", "verifySenderDomain", "reverseDns"].map((name) => setting(scopeA, name, "off"));
    assert.deepEqual(needs(policyOf(...off), factsOf()), [["spf"]]);
    assert.deepEqual(needs(policyOf(...off, setting(scopeA, "spf", "off")), factsOf()), []);
  });

  test("who does not exist, who relays without permission and who is known costs no look-up", () => {
    const policy = policyOf(setting(scopeA, "dnsbl", [{ zone: "bl.test", trusted: true }]));
    assert.deepEqual(needs(policy, factsOf({ recipient: unknown })), []);
    assert.deepEqual(needs(policy, factsOf({ recipient: foreignRecipient, senderOwner: null })), []);
    for (const ip of [
      "127.0.0.1",
      "::1",
      "10.1.2.3",
      "172.31.0.1",
      "192.168.7.7",
      "169.254.1.1",
      "fd00::1",
      "fe80::1",
    ]) {
      assert.deepEqual(needs(policy, factsOf({ ip })), [], ip);
    }
    for (const ip of ["172.32.0.1", "2001:db8::1", "11.0.0.1"])
      assert.equal(needs(policy, factsOf({ ip })).length, 1, ip);
    const accepting = policyOf(setting(scopeA, "greylist", 300), entry(mailboxScopeA, "accept", "192.0.2.7"));
    assert.deepEqual(needs(accepting, factsOf()), []);
    const login = { login: loginOf(tenantA), from: "joe@a.example" };
    assert.deepEqual(needs(policy, factsOf(login)), [["counters"]]);
  });

  test("settings of the recipient's own scopes decide, reseller and mailbox included", () => {
    const policy = policyOf(setting(resellerScope, "spf", "reject"), setting(mailboxScopeA, "spf", "off"));
    assert.equal(rcpt(policy, { spf: "fail" }).reason, "accepted");
    const alias = localRecipient();
    assert.ok(alias.found.kind === "local");
    const [target] = alias.found.targets;
    assert.ok(target);
    const two = { ...alias, found: { ...alias.found, targets: [target, { ...target, address: "x@a.example" }] } };
    assert.equal(rcpt(policy, { spf: "fail" }, { recipient: two }).reason, "spf-failed");
    const withReseller = policyOf(setting(resellerScope, "spf", "reject"));
    assert.equal(rcpt(withReseller, { spf: "fail" }).scope, "rsl_1");
  });
});

describe("DNS lists", () => {
  const lists = (...zones: readonly object[]) => policyOf(setting(scopeA, "dnsbl", zones as never));

  test("weights add up, a trusted zone refuses, clear and failed say nothing", () => {
    const policy = lists(
      { zone: "a.test", weight: 2 },
      { zone: "b.test", weight: 1.5 },
      { zone: "c.test", trusted: true },
    );
    const both = rcpt(policy, { dnsLists: { "a.test": "listed", "b.test": "listed" } });
    assert.deepEqual([both.reason, both.score], ["accepted", 3.5]);
    assert.deepEqual(
      both.scoreParts?.map(({ name }) => name),
      ["dnsbl/a.test", "dnsbl/b.test"],
    );
    const trusted = rcpt(policy, { dnsLists: { "c.test": "listed" } });
    assert.equal(reply(trusted), "550 5.7.1 dns-listed at connect");
    assert.match(trusted.decisive.detail ?? "", /^c\.test: listed/);
    assert.equal(rcpt(policy, { dnsLists: { "c.test": "failed" } }).score, undefined);
  });

  test("a welcome listing spares from points and greylisting, not from what refuses by itself", () => {
    const zones = [
      { zone: "w.test", welcome: true },
      { zone: "b.test", weight: 9 },
      { zone: "c.test", trusted: true },
    ];
    const policy = policyOf(
      setting(scopeA, "dnsbl", zones as never),
      setting(scopeA, "greylist", 300),
      setting(scopeA, "verifyHelo", "score"),
    );
    const bad: Lookups = { heloName: "missing", spf: "fail", greylist: "new" };
    const welcome = rcpt(policy, { ...bad, dnsLists: { "w.test": "listed", "b.test": "listed" } });
    assert.deepEqual([welcome.reason, welcome.score], ["accepted", undefined]);
    assert.equal(rcpt(policy, { ...bad, dnsLists: { "b.test": "listed" } }).reason, "greylisted");
    assert.equal(rcpt(policy, { dnsLists: { "w.test": "listed", "c.test": "listed" } }).reason, "dns-listed");
  });

  test("the zones asked are those of the recipient's chain", () => {
    const { rounds } = judgeOn(lists({ zone: "a.test", weight: 2 }), "rcpt", factsOf());
    assert.deepEqual(rounds[0]?.zones, [{ zone: "a.test", weight: 2 }]);
  });
});

describe("greylisting", () => {
  const policy = policyOf(setting(mailboxScopeA, "greylist", 300));

  test("a new or early combination is deferred, last of all, with the delay told to the edge", () => {
    assert.equal(reply(rcpt(policy, { greylist: "new" })), "451 4.7.1 greylisted at rcpt");
    assert.equal(rcpt(policy, { greylist: "early" }).reason, "greylisted");
    for (const greylist of ["passed", "known"] as const) assert.equal(rcpt(policy, { greylist }).reason, "accepted");
    const { rounds } = judgeOn(policy, "rcpt", factsOf());
    assert.deepEqual(rounds.at(-1), { needs: ["greylist"], greylistDelaySeconds: 300 });
    const refused = judgeOn(
      policyOf(setting(scopeA, "greylist", 300), setting(scopeA, "spf", "reject")),
      "rcpt",
      factsOf(),
      {
        spf: "fail",
      },
    );
    assert.ok(!refused.rounds.some((round) => round.needs.includes("greylist")));
  });

  test("spares accepted peers, trusted relays, private peers and logins, and is not asked for at DATA", () => {
    const asks = (more: More, ...inputs: readonly (SettingInput | EntryInput)[]) =>
      judgeOn(policyOf(setting(scopeA, "greylist", 300), ...inputs), "rcpt", factsOf(more)).rounds.some((round) =>
        round.needs.includes("greylist"),
      );
    assert.equal(asks({}), true);
    assert.equal(asks({}, entry(scopeA, "accept", "192.0.2.0/24")), false);
    assert.equal(asks({}, setting(scopeA, "trustedRelays", ["192.0.2.7"])), false);
    assert.equal(asks({ ip: "10.0.0.1" }), false);
    assert.equal(asks({ login: loginOf(tenantA), from: "joe@a.example" }), false);
    const atData = judgeOn(policy, "data", factsOf()).rounds;
    assert.ok(!atData.some((round) => round.needs.includes("greylist")));
  });
});

describe("limits of senders", () => {
  const login = { login: loginOf(tenantA), listener: "submission", from: "joe@a.example" } as const;

  test("recipients in an hour, of the mailbox and of the tenant, for recipients here and elsewhere", () => {
    const policy = policyOf(
      setting(mailboxScopeA, "recipientsPerHour", 10),
      setting(scopeA, "tenantRecipientsPerHour", 20),
    );
    for (const recipient of [localRecipient(), foreignRecipient]) {
      const at = (mailboxRecipients: number, tenantRecipients: number) =>
        rcpt(policy, { counters: { mailboxRecipients, tenantRecipients } }, { ...login, recipient });
      assert.equal(at(9, 19).action, "accept");
      assert.equal(reply(at(10, 19)), "452 4.7.1 rate-limited-mailbox at rcpt");
      assert.equal(reply(at(9, 20)), "452 4.7.1 rate-limited-tenant at rcpt");
    }
    const asked = judgeOn(policy, "rcpt", factsOf({ ...login, recipient: foreignRecipient })).rounds;
    assert.equal(asked.find((round) => round.needs.includes("counters"))?.tenantId, tenantA);
  });

  test("a relaying peer counts for the tenant that it relays for; 0 means no limit and no question", () => {
    const relay = { recipient: foreignRecipient };
    const limited = policyOf(entry(scopeA, "accept", "192.0.2.7"), setting(scopeA, "tenantRecipientsPerHour", 5));
    assert.equal(rcpt(limited, { counters: { tenantRecipients: 5 } }, relay).reason, "rate-limited-tenant");
    const free = policyOf(
      setting(platformScope, "tenantRecipientsPerHour", 0),
      setting(platformScope, "recipientsPerHour", 0),
    );
    assert.deepEqual(needs(free, factsOf({ ...login, recipient: localRecipient() })), []);
    assert.deepEqual(needs(limited, factsOf({ ip: "10.0.0.1" })), [], "inbound mail is not counted");
  });

  test("recipientDelayMs slows every recipient after the first, refused ones too, but no login and no accepted peer", () => {
    const policy = policyOf(setting(scopeA, "recipientDelayMs", 700));
    const delay = (more: More, inputs = policy) => rcpt(inputs, {}, more).delayMs;
    const second = { ...localRecipient(), acceptedBefore: 1 };
    assert.equal(delay({}), undefined);
    assert.equal(delay({ recipient: second }), 700);
    assert.equal(delay({ recipient: { ...unknown, acceptedBefore: 1 } }), 700);
    assert.equal(delay({ ...login, recipient: second }), undefined);
    const accepting = policyOf(setting(scopeA, "recipientDelayMs", 700), entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(delay({ recipient: second }, accepting), undefined);
  });
});
