import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withDenial } from "./compiled-policy.ts";
import {
  contentOf,
  domainA,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  localRecipient,
  loginOf,
  platformScope,
  policyOf,
  scopeA,
  scopeB,
  setting,
  tenantA,
  verdictOn,
} from "./policy-test-world.ts";
import type { AddressForm, CompiledPolicy, Facts } from "./types.ts";

const rcpt = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}) =>
  verdictOn(policy, "rcpt", factsOf(more));
const data = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}) =>
  verdictOn(policy, "data", factsOf(more));
const reply = (verdict: { code: number; enhancedCode: string; reason: string }) =>
  `${verdict.code} ${verdict.enhancedCode} ${verdict.reason}`;

describe("recipients of ours", () => {
  test("accepted, with tenant, route and the empty policy's engine version", () => {
    const verdict = rcpt(policyOf());
    assert.deepEqual(
      [verdict.action, verdict.route, verdict.tenantId, verdict.policyEvent],
      ["accept", "local", tenantA, undefined],
    );
  });

  test("nobody at this host itself: unknown whoever asks, never relayed", () => {
    const recipient = { ...localRecipient(), found: { kind: "foreign", isOwnHost: true } as const };
    const ownSender = { address: loginOf(tenantA).address, form: "plain" } as const;
    for (const more of [{}, { login: loginOf(tenantA), listener: "submission", sender: ownSender } as const])
      assert.equal(reply(rcpt(policyOf(), { recipient, ...more })), "550 5.1.1 recipient-unknown");
  });

  test("unknown, suspended, over quota, switched off", () => {
    const unknown = { ...localRecipient(), found: { kind: "unknown", domain: domainA } as const };
    assert.equal(reply(rcpt(policyOf(), { recipient: unknown })), "550 5.1.1 recipient-unknown");
    assert.equal(
      reply(rcpt(policyOf(), { recipient: localRecipient({ suspended: true }) })),
      "550 5.2.1 recipient-suspended",
    );
    assert.equal(reply(rcpt(policyOf(), { recipient: localRecipient({ overQuota: true }) })), "452 4.2.2 over-quota");
    const off = { kind: "unknown", domain: { ...domainA, tenantInboundOff: true } } as const;
    assert.equal(reply(rcpt(policyOf(), { recipient: { ...unknown, found: off } })), "550 5.2.1 tenant-suspended");
  });

  test("an alias takes mail while one of its mailboxes can", () => {
    const target = { mailboxId: "mbx_x" as never, address: "x@a.example" };
    const alias = (...states: readonly [suspended: boolean, overQuota: boolean][]): Facts["recipient"] => ({
      ...localRecipient(),
      found: {
        kind: "local",
        domain: domainA,
        targets: states.map(([suspended, overQuota]) => ({ ...target, suspended, overQuota })),
      },
    });
    const reason = (...states: readonly [boolean, boolean][]) =>
      rcpt(policyOf(), { recipient: alias(...states) as never }).reason;
    assert.equal(reason([true, false], [false, false]), "accepted");
    assert.equal(reason([true, false], [false, true]), "over-quota");
    assert.equal(reason([true, false], [true, true]), "recipient-suspended");
  });

  test("address forms that could be a route are refused whatever the lists say", () => {
    const forms: AddressForm[] = [
      "percent-hack",
      "bang-path",
      "source-route",
      "quoted-local",
      "ip-literal",
      "not-ascii",
      "malformed",
    ];
    const policy = policyOf(entry(platformScope, "accept", "192.0.2.7"));
    for (const form of forms) {
      for (const recipient of [localRecipient(), foreignRecipient]) {
        assert.equal(reply(rcpt(policy, { recipient: { ...recipient, form } })), "550 5.1.3 address-form");
      }
    }
  });

  test("recipients beyond the limit are deferred", () => {
    const policy = policyOf(setting(domainScopeA, "maxRecipientsPerMessage", 2));
    const before = (acceptedBefore: number) => rcpt(policy, { recipient: { ...localRecipient(), acceptedBefore } });
    assert.equal(before(1).reason, "accepted");
    assert.equal(reply(before(2)), "452 4.5.3 too-many-recipients");
    assert.equal(before(2).scope, "dom_a");
  });
});

describe("lists", () => {
  test("kill by IP, CIDR, HELO, host, address, domain and suffix", () => {
    const host = { status: "confirmed", name: "MX.Widget.example." } as const;
    for (const pattern of [
      "192.0.2.7",
      "192.0.0.0/16",
      "mail.ext.example",
      "mx.widget.example",
      "joe@ext.example",
      "@ext.example",
      "@*xt.example",
    ]) {
      const verdict = verdictOn(policyOf(entry(scopeA, "kill", pattern)), "rcpt", factsOf(), { host });
      assert.equal(reply(verdict), "550 5.7.1 kill-listed", pattern);
      assert.equal(verdict.scope, tenantA);
      assert.match(verdict.decisive.detail ?? "", /^entry sle_\d+ /);
    }
    for (const pattern of ["192.0.2.8", "ext.example", "@xt.example", "jo@ext.example"]) {
      assert.equal(rcpt(policyOf(entry(scopeA, "kill", pattern))).reason, "accepted", pattern);
    }
    assert.equal(rcpt(policyOf(entry(scopeB, "kill", "192.0.2.7"))).reason, "accepted");
  });

  test("an accept entry of any scope beats a kill entry of any scope, but not what the mailbox cannot take", () => {
    for (const accept of [platformScope, scopeA, domainScopeA]) {
      for (const kill of [platformScope, scopeA, domainScopeA]) {
        const policy = policyOf(entry(accept, "accept", "@ext.example"), entry(kill, "kill", "192.0.2.7"));
        assert.equal(rcpt(policy).reason, "accept-listed");
        assert.equal(rcpt(policy, { recipient: localRecipient({ overQuota: true }) }).reason, "over-quota");
        assert.equal(data(policy, { content: contentOf("a@b.c", { bareLineEnd: true }) }).reason, "bare-line-end");
      }
    }
  });

  test("a HELO name accepts nothing, a confirmed host does", () => {
    const policy = policyOf(entry(scopeA, "accept", "mail.ext.example"), entry(scopeA, "kill", "192.0.2.7"));
    assert.equal(rcpt(policy).reason, "kill-listed");
    const host = { status: "confirmed", name: "mail.ext.example" } as const;
    assert.equal(verdictOn(policy, "rcpt", factsOf(), { host }).reason, "accept-listed");
  });

  test("an entry ends at its expiry", () => {
    const policy = policyOf(entry(scopeA, "kill", "192.0.2.7", { expiresAt: 2_000 }));
    assert.equal(rcpt(policy, { at: 1_999 }).reason, "kill-listed");
    assert.equal(rcpt(policy, { at: 2_000 }).reason, "accepted");
  });
});

describe("sessions", () => {
  test("refusals before RCPT are held, and the recipient's tenant may accept", () => {
    const policy = policyOf(entry(platformScope, "kill", "192.0.2.0/24"), entry(scopeA, "accept", "192.0.2.7"));
    const { recipient, content, sender, ...session } = factsOf();
    const held = verdictOn(policy, "connect", session);
    assert.deepEqual([held.reason, held.phase, held.immediate], ["kill-listed", "connect", false]);
    assert.equal(rcpt(policy).reason, "accept-listed");
    assert.equal(verdictOn(policyOf(), "helo", session).action, "accept");
    assert.ok(recipient && content && sender);
  });

  test("the null sender is refused where a scope says so, unless the peer is accepted", () => {
    const policy = policyOf(setting(scopeA, "refuseNullSender", true));
    assert.equal(verdictOn(policy, "mail", factsOf({ from: "" })).reason, "accepted");
    assert.equal(reply(rcpt(policy, { from: "" })), "550 5.7.1 null-sender-refused");
    const accepting = policyOf(setting(scopeA, "refuseNullSender", true), entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(rcpt(accepting, { from: "" }).reason, "accept-listed");
    const platform = policyOf(
      setting(platformScope, "refuseNullSender", true),
      setting(scopeA, "refuseNullSender", false),
    );
    assert.equal(verdictOn(platform, "mail", factsOf({ from: "" })).reason, "null-sender-refused");
    assert.equal(rcpt(platform, { from: "" }).reason, "accepted");
  });

  test("denials are answered at once and end; loopback, platform relayAddresses and logins are exempt", () => {
    const base = policyOf(setting(platformScope, "relayAddresses", ["198.51.100.0/24"]));
    const denied = ["192.0.2.7/32", "127.0.0.1", "198.51.100.1", "2001:db8::/64"].reduce(
      (policy, prefix) =>
        withDenial(policy, { prefix, reason: "command-too-long", until: 5_000, byEvent: "evt-d", at: 1_000 }),
      base,
    );
    const connect = (ip: string, at = 1_000) => verdictOn(denied, "connect", { at, listener: "mx", ip, tls: false });
    const verdict = connect("192.0.2.7");
    assert.deepEqual(
      [verdict.reason, verdict.immediate, verdict.close, verdict.decisive.byEvent],
      ["ip-denied", true, true, "evt-d"],
    );
    assert.equal(connect("2001:db8::1:2:3:4").reason, "ip-denied");
    assert.equal(connect("192.0.2.7", 5_000).reason, "accepted");
    assert.equal(connect("192.0.2.8").reason, "accepted");
    assert.equal(connect("127.0.0.1").reason, "accepted");
    assert.equal(connect("198.51.100.1").reason, "accepted");
    assert.equal(rcpt(denied, { login: loginOf(tenantA), from: "joe@a.example" }).reason, "accepted");
    assert.equal(rcpt(denied).reason, "ip-denied");
    assert.deepEqual(denied.denial("192.0.2.7", 1), { until: 5_000, reason: "command-too-long", byEvent: "evt-d" });
    assert.equal(denied.denial("nonsense", 1), undefined);
    assert.deepEqual(
      [
        denied.isExemptFromDenial("::1"),
        denied.isExemptFromDenial("198.51.100.9"),
        denied.isExemptFromDenial("192.0.2.7"),
      ],
      [true, true, false],
    );
    assert.equal(denied.revision, base.revision);
  });

  test("a denial is for a while, so its refusal is, too; mail that was being taken, or waits here, is not refused for it", () => {
    const denial = { prefix: "192.0.2.7/32", reason: "harvest", until: 5_000, byEvent: "evt-d", at: 1_000 };
    const denied = withDenial(policyOf(), denial);
    for (const verdict of [
      verdictOn(denied, "connect", { at: 1_000, listener: "mx", ip: "192.0.2.7", tls: false }),
      verdictOn(denied, "mail", factsOf()),
      rcpt(denied),
    ]) {
      assert.deepEqual(
        [verdict.reason, verdict.action, verdict.code, verdict.close],
        ["ip-denied", "defer", 421, true],
      );
    }
    assert.equal(verdictOn(denied, "data", factsOf()).reason, "accepted");
    // Verdicts of before: a copy was refused for a denial that came after it.
    const recorded = denied.evaluate("data", factsOf(), { recorded: true });
    assert.equal(recorded.verdict?.reason, "ip-denied");
  });

  test("an IP in the platform's accept list is never denied while its entry holds; a tenant's entry spares nobody", () => {
    const denial = { prefix: "192.0.2.7/32", reason: "harvest", until: 5_000, byEvent: "evt-d", at: 1_000 };
    const under = (accepting: ReturnType<typeof entry>) => withDenial(policyOf(accepting), denial);
    assert.equal(rcpt(under(entry(scopeA, "accept", "192.0.2.7"))).reason, "ip-denied");
    const accepting = under(entry(platformScope, "accept", "192.0.2.0/24", { expiresAt: 2_000 }));
    assert.equal(rcpt(accepting).reason, "accept-listed");
    assert.equal(accepting.denial("192.0.2.7", 1_999), undefined);
    assert.equal(accepting.denial("192.0.2.7", 2_000)?.byEvent, "evt-d");
    assert.deepEqual(
      [accepting.isExemptFromDenial("192.0.2.7", 1_999), accepting.isExemptFromDenial("192.0.2.7", 2_000)],
      [true, false],
    );
  });

  test("a flood of denials does not grow without bound", () => {
    let policy = policyOf();
    for (let i = 0; i < 5_000; i++) {
      const prefix = `10.${i >> 8}.${i & 255}.1`;
      policy = withDenial(policy, { prefix, reason: "flood", until: i + 10, byEvent: "e", at: i });
    }
    assert.ok(policy.denial("10.19.135.1", 5_000));
    assert.equal(policy.denial("10.0.1.1", 5_000), undefined);
  });

  test("submission without a login is told at MAIL", () => {
    const verdict = verdictOn(policyOf(), "mail", factsOf({ listener: "submission" }));
    assert.deepEqual([verdict.reason, verdict.code, verdict.immediate], ["auth-required", 530, true]);
  });
});

describe("explain and effective settings", () => {
  test("explain adds the trace, ends in the decisive line, and changes nothing else", () => {
    const policy = policyOf(entry(scopeA, "kill", "@ext.example"));
    const { trace, ...rest } = policy.evaluate("rcpt", factsOf(), { explain: true }).verdict ?? assert.fail();
    assert.deepEqual(rest, rcpt(policy));
    assert.deepEqual(trace?.at(-1), rest.decisive);
  });

  test("every setting says where it is set, with warnings of risky values", () => {
    const inputs = [setting(platformScope, "relayMode", "addresses"), setting(scopeA, "senderMustMatchLogin", false)];
    const effective = policyOf(...inputs).effective({ tenantId: tenantA });
    const named = (name: string) => effective.find((item) => item.name === name) ?? assert.fail();
    assert.deepEqual(named("relayMode"), {
      name: "relayMode",
      value: "addresses",
      setAtScope: "platform",
      byEvent: inputs[0]?.byEvent,
    });
    assert.equal(named("senderMustMatchLogin").setAtScope, tenantA);
    assert.match(named("senderMustMatchLogin").warning ?? "", /any name/);
    assert.deepEqual(named("vrfy"), { name: "vrfy", value: 252, setAtScope: "default" });
  });

  test("listener settings come from platform scope, the advertised size from the largest of any", () => {
    const base = [setting(platformScope, "banners", { smtp: "hello" }), setting(platformScope, "denyDuration", 60)];
    const big = setting(scopeA, "sizeLimitBytes", 200 * 1_048_576);
    const listener = policyOf(...base, big).listener();
    assert.deepEqual([listener.smtpBanner, listener.imapBanner, listener.denyDurationMs], ["hello", undefined, 60_000]);
    assert.equal(listener.sizeLimitBytes, 200 * 1_048_576);
    const small = policyOf(...base, big, setting(scopeA, "sizeLimitBytes", 100_000)).listener();
    assert.equal(small.sizeLimitBytes, 50 * 1_048_576);
  });
});
