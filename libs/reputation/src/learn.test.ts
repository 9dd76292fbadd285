import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dayMs, hourMs, Story, startAt, tenantNo } from "./evidence-test-world.ts";
import { learn } from "./learn.ts";
import { defaultLearning } from "./learning-settings.ts";
import type { ListedDecision } from "./listing.ts";
import { listingAt } from "./listing.ts";
import { standingOf } from "./sender-standing.ts";

const ip = { kind: "ip", value: "192.0.2.1" } as const;
const own = tenantNo(0).tenantId;
const score = (story: Story): number => standingOf(story.reputation, own, ip)?.score ?? 0;

describe("a tenant's own list", () => {
  test("lists at 5 with defer, raises at 10 to reject, ends when the score is below half of what listed", () => {
    const story = new Story();
    for (let reporter = 0; reporter < 4; reporter++) story.spam(reporter);
    assert.deepEqual(story.says(), []);
    story.spam(4);
    assert.deepEqual(story.says(), ["ten_0 ip new defer"]);
    for (let reporter = 5; reporter < 10; reporter++) story.spam(reporter);
    const raised = story.decisions.at(-1) as ListedDecision;
    assert.deepEqual([raised.change, raised.action, raised.score, raised.threshold], ["raised", "reject", 10, 10]);
    assert.equal(raised.evidenceIds.length, 10);
    assert.equal(raised.expiresAt, startAt + 7 * dayMs + 1);
    story.wait(7 * dayMs);
    const before = story.decisions.length;
    story.wait(1);
    assert.deepEqual(story.says().slice(before), ["ten_0 ip decayed"]);
  });

  test("what a listing says of itself tells its state at any time", () => {
    const story = new Story();
    for (let reporter = 0; reporter < 7; reporter++) story.spam(reporter);
    const listed = story.decisions[0] as ListedDecision;
    assert.equal(listingAt(listed, listed.expiresAt - 1).isInForce, true);
    assert.equal(listingAt(listed, listed.expiresAt).isInForce, false);
    assert.equal(listingAt(listed, listed.at + 7 * dayMs).score, 2.5);
  });

  test("evidence while listed gives it more time, and that is announced", () => {
    const story = new Story();
    for (let reporter = 0; reporter < 5; reporter++) story.spam(reporter);
    story.wait(2 * dayMs);
    for (let reporter = 5; reporter < 7; reporter++) story.spam(reporter);
    assert.deepEqual(story.says(), ["ten_0 ip new defer", "ten_0 ip renewed defer", "ten_0 ip renewed defer"]);
    const [first, , second] = story.decisions as ListedDecision[];
    assert.ok(second!.expiresAt > first!.expiresAt + 3.5 * dayMs);
    story.wait(60 * dayMs);
    assert.deepEqual([story.decisions.at(-1)?.type, story.decisions.at(-1)?.at], ["delisted", second!.expiresAt]);
  });

  test("time short of a quarter half-life is announced when the first end comes", () => {
    const story = new Story();
    for (let reporter = 0; reporter < 5; reporter++) story.spam(reporter);
    story.wait(hourMs).give("contentSpam", { taken: false });
    assert.deepEqual(story.says(), ["ten_0 ip new defer"]);
    story.wait(7 * dayMs);
    assert.deepEqual(story.says(), ["ten_0 ip new defer", "ten_0 ip renewed defer"]);
    assert.equal(story.decisions[1]?.at, (story.decisions[0] as ListedDecision).expiresAt);
    story.wait(7 * dayMs);
    assert.deepEqual(story.says().slice(2), ["ten_0 ip decayed"]);
  });

  test("a few reports do not list who sends much good mail", () => {
    const story = new Story();
    for (let mail = 0; mail < 200; mail++) story.give("accepted");
    for (let reporter = 0; reporter < 20; reporter++) story.spam(reporter);
    assert.equal(score(story), 20);
    assert.deepEqual(story.decisions, []);
  });

  test("old mail marked late counts as old in the share: its sender's mail of then has faded, too", () => {
    const story = new Story();
    const messages = Array.from({ length: 40 }, (_, index) => `old${index}`);
    for (const message of messages) story.give("accepted", { message });
    story.wait(40 * dayMs);
    for (let reporter = 0; reporter < 8; reporter++)
      story.give("userSpam", { reporter, message: messages[reporter]!, messageAt: startAt });
    assert.ok(score(story) > 7);
    assert.deepEqual(story.decisions, []);
  });

  test("mail refused for its content is in the share, so that its sender can be listed at all", () => {
    const story = new Story();
    for (let mail = 0; mail < 10; mail++) story.give("contentSpam", { taken: false });
    assert.deepEqual(story.says(), ["ten_0 ip new defer"]);
  });

  test("users take a listing back", () => {
    const story = new Story();
    for (let reporter = 0; reporter < 5; reporter++) story.spam(reporter);
    story.give("userNotSpam", { reporter: 5 });
    assert.equal(score(story), 5);
    story.give("userNotSpam", { reporter: 6 });
    assert.deepEqual([score(story), ...story.says()], [2, "ten_0 ip new defer", "ten_0 ip evidence"]);
  });

  test("unknown recipients count at most one point in an hour, and alone list nobody", () => {
    const story = new Story();
    for (let hour = 0; hour < 24; hour++) {
      for (let probe = 0; probe < 30; probe++) story.give("unknownRecipient");
      story.wait(hourMs);
    }
    assert.ok(score(story) > 20 && score(story) <= 24);
    assert.deepEqual(story.decisions, []);
  });

  test("the score stays between nothing and 40", () => {
    const story = new Story();
    for (let reporter = 0; reporter < 30; reporter++) story.give("userNotSpam", { reporter });
    assert.equal(score(story), 0);
    for (let mail = 0; mail < 100; mail++) story.give("trap");
    assert.equal(score(story), 40);
  });
});

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

describe("the platform's list", () => {
  const platformIp = (story: Story) => standingOf(story.reputation, "platform", ip);
  const tenants = [0, 1, 2, 3].map((index) => tenantNo(index));
  const traps = (story: Story, told: Parameters<Story["give"]>[1], times = 4) => {
    for (let mail = 0; mail < times; mail++) story.give("trap", told);
  };
  const platformSays = (story: Story) => story.says().filter((line) => line.startsWith("platform ip"));

  test("needs three tenants of two resellers", () => {
    const story = new Story().volume(tenants);
    for (const tenant of tenants.slice(0, 3)) traps(story, { tenant });
    assert.deepEqual([platformIp(story)?.score, platformSays(story)], [9, []]);
    traps(story, { tenant: tenants[3]! });
    assert.deepEqual([platformIp(story)?.score, platformSays(story)], [12, ["platform ip new reject"]]);
  });

  test("a tenant counts at most 3, however much it says", () => {
    const story = new Story().volume(tenants);
    traps(story, { tenant: tenants[0]! }, 100);
    assert.equal(platformIp(story)?.score, 3);
    for (let reporter = 0; reporter < 9; reporter++) story.give("userNotSpam", { tenant: tenants[0]!, reporter });
    traps(story, { tenant: tenants[3]! }, 1);
    assert.equal(platformIp(story)?.score, 3);
  });

  test("young tenants and tenants without mail are no witnesses", () => {
    const young = [0, 1, 3].map((index) => tenantNo(index, { createdAt: startAt - 29 * dayMs }));
    const story = new Story().volume(young);
    for (const tenant of young) traps(story, { tenant });
    assert.equal(platformIp(story), undefined);
    const idle = new Story();
    for (const tenant of tenants) traps(idle, { tenant });
    assert.equal(platformIp(idle), undefined);
  });

  test("a tenant may keep what it knows; its own list learns all the same", () => {
    const story = new Story().volume(tenants);
    for (const { tenantId } of tenants.slice(1))
      story.tell({
        kind: "settingsChanged",
        at: story.at,
        scope: tenantId,
        settings: { ...defaultLearning, gives: false },
      });
    for (const tenant of tenants) traps(story, { tenant });
    assert.deepEqual([platformIp(story)?.score, platformSays(story)], [3, []]);
    assert.equal(story.says().filter((line) => line.includes("ip new")).length, 4);
  });

  test("a tenant's trusted relay is hidden from the tenant alone", () => {
    const story = new Story().volume(tenants);
    traps(story, { tenant: tenants[0]!, peer: { ip: "192.0.2.1", trustedBy: "tenant" } });
    assert.equal(platformIp(story)?.score, 3);
    assert.equal(standingOf(story.reputation, own, ip), undefined);
  });
});

describe("settings", () => {
  test("thresholds and share are each scope's own; a value decays by the half-life of the event that changed it", () => {
    const story = new Story();
    const settings = { ...defaultLearning, deferAt: 2, rejectAt: 4, halfLifeMs: dayMs };
    story.tell({ kind: "settingsChanged", at: story.at, scope: own, settings });
    traps4(story);
    assert.deepEqual(story.says()[0], "ten_0 ip new reject");
    story.tell({ kind: "settingsChanged", at: story.at, scope: own, settings: null });
    story.wait(dayMs);
    assert.equal(score(story), 6);
  });
  test("a scope that does not learn lists nobody", () => {
    const story = new Story();
    story.tell({ kind: "settingsChanged", at: story.at, scope: own, settings: { ...defaultLearning, learns: false } });
    traps4(story);
    assert.deepEqual(story.decisions, []);
  });
  const traps4 = (story: Story) => {
    for (let mail = 0; mail < 4; mail++) story.give("trap");
  };
});

describe("pardon", () => {
  const until = startAt + 10 * dayMs;
  const grant = (story: Story, voidedEvidence: readonly string[] = [], untilAt = until) =>
    story.tell({ kind: "pardonGranted", id: "p1", at: story.at, scope: own, subject: ip, untilAt, voidedEvidence });

  test("delists and learns nothing of the sender until it ends", () => {
    const story = new Story();
    for (let mail = 0; mail < 4; mail++) story.give("trap");
    grant(story);
    assert.equal(story.says().at(-1), "ten_0 ip pardoned");
    story.wait(dayMs);
    const before = score(story);
    story.give("trap");
    assert.equal(score(story), before);
    story.wait(10 * dayMs);
    for (let mail = 0; mail < 3; mail++) story.give("trap");
    assert.equal(story.says().at(-1), "ten_0 ip new reject");
  });

  test("may void evidence and nothing but it; what waited for a voided mark waits again; lifting gives it back", () => {
    const story = new Story();
    story.spam(1, { id: "a", message: "m1" });
    story.spam(2, { id: "b", message: "m2" });
    story.give("trap", { id: "c" });
    assert.equal(score(story), 5);
    grant(story, ["b"], 0);
    assert.equal(score(story), 3);
    const share = standingOf(story.reputation, own, ip)?.share;
    assert.equal(share?.spam, 1);
    story.tell({ kind: "pardonLifted", id: "l1", at: story.at, scope: own, subject: ip, pardonId: "p1" });
    assert.equal(score(story), 5);
  });

  test("a tenant's void evidence no longer counts for the platform; the platform's pardon leaves tenants' lists alone", () => {
    const tenants = [0, 1, 3].map((index) => tenantNo(index));
    const story = new Story().volume(tenants);
    for (const tenant of tenants)
      for (let mail = 0; mail < 2; mail++) story.give("trap", { tenant, id: `${tenant.tenantId}.${mail}` });
    const platformScore = () => standingOf(story.reputation, "platform", ip)?.score;
    assert.equal(platformScore(), 9);
    grant(story, ["ten_0.0", "ten_1.0"], 0);
    assert.deepEqual([platformScore(), score(story)], [6, 3]);
    story.tell({
      kind: "pardonGranted",
      id: "p2",
      at: story.at,
      scope: "platform",
      subject: ip,
      untilAt: 0,
      voidedEvidence: ["ten_1.0"],
    });
    assert.deepEqual([platformScore(), standingOf(story.reputation, tenants[1]!.tenantId, ip)?.score], [3, 6]);
  });

  test("lifting a pardon that only held a listing back lists again", () => {
    const story = new Story();
    for (let mail = 0; mail < 4; mail++) story.give("trap");
    grant(story);
    story.tell({ kind: "pardonLifted", id: "l1", at: story.at, scope: own, subject: ip, pardonId: "p1" });
    assert.equal(story.says().at(-1), "ten_0 ip new reject");
  });
});

describe("bounds", () => {
  test("names are kept for 512 evidences; the rest keeps its weight and is counted", () => {
    const story = new Story();
    const settings = { ...defaultLearning, halfLifeMs: 90 * dayMs };
    story.tell({ kind: "settingsChanged", at: story.at, scope: own, settings });
    for (let mail = 0; mail < 700; mail++) story.give("contentSpam", { taken: false });
    const standing = standingOf(story.reputation, own, ip);
    assert.equal((standing?.evidence.length ?? 0) + (standing?.nameless ?? 0), 700);
    assert.ok((standing?.evidence.length ?? 999) <= 512);
    assert.deepEqual([standing?.score, standing?.share.mail, standing?.share.spam], [40, 700, 700]);
    story.wait(7 * dayMs);
    story.give("contentSpam", { taken: false });
    const listed = story.decisions.filter((decision) => decision.type === "listed");
    assert.ok(listed.every(({ evidenceIds }) => evidenceIds.length <= 100));
  });

  test("senders of whom nothing is left are forgotten", () => {
    const story = new Story();
    for (let index = 1; index < 200; index++) story.spam(1, { ip: `192.0.2.${index}` });
    assert.equal(story.reputation.ledgers.get(own)?.records.size, 200);
    story.wait(80 * dayMs);
    assert.equal(story.reputation.ledgers.get(own)?.records.size, 0);
  });

  test("a closed scope takes its list with it", () => {
    const story = new Story();
    for (let mail = 0; mail < 4; mail++) story.give("trap");
    story.tell({ kind: "scopeClosed", at: story.at, scope: own });
    story.wait(90 * dayMs);
    assert.equal(story.says().filter((line) => line.includes("decayed")).length, 0);
  });
});
