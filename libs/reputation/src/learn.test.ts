import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dayMs, hourMs, Story, startAt, tenantNo } from "./evidence-test-world.ts";
import { defaultLearning } from "./learning-settings.ts";
import { type ListedDecision, listingAt } from "./listing.ts";
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
