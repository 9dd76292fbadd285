import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dayMs, Story, tenantNo } from "./evidence-test-world.ts";
import { learn } from "./learn.ts";
import { standingOf } from "./sender-standing.ts";

const ip = { kind: "ip", value: "192.0.2.1" } as const;
const own = tenantNo(0).tenantId;
const score = (story: Story): number => standingOf(story.reputation, own, ip)?.score ?? 0;

describe("guards against poison", () => {
  test("one reporter is no reporter, two are; a tenant's only mailbox needs no second", () => {
    const story = new Story();
    story.spam(1);
    assert.equal(score(story), 0);
    story.spam(2);
    assert.equal(score(story), 2);
    const lonely = new Story();
    lonely.spam(1, { tenant: tenantNo(0, { onlyMailbox: true }) });
    assert.equal(score(lonely), 1);
  });

  test("a mark that is old no longer speaks for another", () => {
    const story = new Story();
    story.spam(1);
    story.wait(24 * dayMs).spam(2);
    assert.equal(score(story), 0);
    story.spam(3);
    assert.equal(score(story), 2);
  });

  test("a reporter counts at most 2 in a half-life, whatever he marks", () => {
    const story = new Story();
    for (let mail = 0; mail < 50; mail++) story.spam(1);
    story.spam(2);
    assert.equal(score(story), 3);
    story.wait(3.5 * dayMs);
    const before = score(story);
    story.spam(1);
    assert.equal(score(story), before);
    story.wait(3.6 * dayMs);
    story.spam(1);
    assert.ok(score(story) > 2);
  });

  test("one live mark for each mailbox and message, the last wins", () => {
    const story = new Story();
    story.spam(1, { message: "m" });
    story.spam(2);
    story.spam(3);
    assert.equal(score(story), 3);
    story.give("userSpam", { reporter: 1, message: "m" });
    assert.equal(score(story), 3);
    story.give("userNotSpam", { reporter: 1, message: "m" });
    assert.equal(score(story), 2);
    story.give("userSpam", { reporter: 1, message: "m" });
    assert.equal(score(story), 3);
    assert.equal(standingOf(story.reputation, own, ip)?.share.spam, 3);
  });

  test("an event given twice counts once", () => {
    const story = new Story();
    const trap = story.evidence("trap");
    story.tell(trap);
    assert.equal(learn(story.reputation, trap).ignored, "repeated");
    assert.equal(score(story), 3);
  });

  test("loopback, private, trusted and authenticated peers, and what we caused ourselves, never count", () => {
    const story = new Story();
    const ignored = (told: Parameters<Story["evidence"]>[1]) =>
      learn(story.reputation, story.evidence("trap", told)).ignored;
    for (const address of [
      "127.0.0.1",
      "10.1.2.3",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.1.1",
      "100.64.0.1",
      "::1",
      "fd00::1",
      "fe80::1",
      "::ffff:10.0.0.1",
    ])
      assert.equal(ignored({ ip: address }), "private", address);
    for (const address of ["", "mail.example", "1.2.3", "1.2.3.256", "1::2::3", "1:2:3:4:5:6:7:8:9", ":::", "12345::"])
      assert.equal(ignored({ ip: address }), "malformed", address);
    assert.equal(ignored({ peer: { ip: "192.0.2.1", authenticated: true } }), "authenticated");
    assert.equal(ignored({ peer: { ip: "192.0.2.1", trustedBy: "platform" } }), "trustedRelay");
    assert.equal(ignored({ peer: { ip: "192.0.2.1", trustedBy: "tenant" } }), "notLearning");
    for (const causedBy of ["list", "listing", "shadow"] as const) assert.equal(ignored({ causedBy }), "causedByUs");
    assert.equal(story.reputation.ledgers.size, 0);
  });

  test("an address that only the tenant's relay told counts for the tenant's list alone", () => {
    const story = new Story();
    const elder = tenantNo(0);
    for (let mail = 0; mail < 60; mail++) story.give("accepted", { tenant: elder, ip: "198.51.100.1" });
    story.give("trap", { tenant: elder, peer: { ip: "192.0.2.9", toldBy: "tenant" } });
    story.give("trap", { tenant: elder, peer: { ip: "192.0.2.10" } });
    const score = (scope: "platform" | typeof own, value: string) =>
      standingOf(story.reputation, scope, { kind: "ip", value })?.score;
    assert.deepEqual([score(own, "192.0.2.9"), score("platform", "192.0.2.9")], [3, undefined]);
    assert.deepEqual([score(own, "192.0.2.10"), score("platform", "192.0.2.10")], [3, 3]);
  });

  test("a forged domain is not harmed; an aligned one and its sender are", () => {
    const story = new Story();
    for (let mail = 0; mail < 10; mail++) story.give("trap", { sender: "ceo@bank.example" });
    const domain = { kind: "domain", value: "bank.example" } as const;
    const sender = { kind: "sender", value: "ceo@bank.example" } as const;
    assert.equal(standingOf(story.reputation, own, domain), undefined);
    assert.equal(standingOf(story.reputation, own, sender), undefined);
    story.give("trap", { alignedDomain: "bank.example", sender: "ceo@bank.example" });
    assert.equal(standingOf(story.reputation, own, domain)?.score, 3);
    assert.equal(standingOf(story.reputation, own, sender)?.score, 3);
  });

  test("a network is listed only with three of its addresses; an IPv6 address stands for its /64", () => {
    const story = new Story();
    for (const last of [1, 2, 3]) {
      for (let mail = 0; mail < 4; mail++) story.give("trap", { ip: `192.0.2.${last}` });
    }
    assert.deepEqual(
      story.says().filter((line) => line.includes("prefix")),
      ["ten_0 prefix new reject"],
    );
    const before = story.decisions.findIndex((decision) => decision.subject.kind === "prefix");
    assert.equal(
      story.decisions.slice(0, before).filter((decision) => decision.subject.value === "192.0.2.3").length,
      1,
    );
    const v6 = new Story();
    for (const net of [1, 2, 3]) {
      for (let mail = 0; mail < 4; mail++) v6.give("trap", { ip: `2001:db8:0:${net}::${mail}` });
    }
    assert.deepEqual(
      v6.decisions
        .filter((decision) => decision.type === "listed" && decision.change === "new")
        .map((decision) => decision.subject.value),
      ["2001:db8:0:1::/64", "2001:db8:0:2::/64", "2001:db8:0:3::/64", "2001:db8:0:0::/56"],
    );
  });
});
