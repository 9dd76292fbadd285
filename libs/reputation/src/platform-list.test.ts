import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dayMs, Story, startAt, tenantNo } from "./evidence-test-world.ts";
import { defaultLearning } from "./learning-settings.ts";
import { standingOf } from "./sender-standing.ts";

const ip = { kind: "ip", value: "192.0.2.1" } as const;
const own = tenantNo(0).tenantId;
const score = (story: Story): number => standingOf(story.reputation, own, ip)?.score ?? 0;

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
