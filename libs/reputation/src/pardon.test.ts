import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dayMs, Story, startAt, tenantNo } from "./evidence-test-world.ts";
import { standingOf } from "./sender-standing.ts";

const ip = { kind: "ip", value: "192.0.2.1" } as const;
const own = tenantNo(0).tenantId;
const score = (story: Story): number => standingOf(story.reputation, own, ip)?.score ?? 0;

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
