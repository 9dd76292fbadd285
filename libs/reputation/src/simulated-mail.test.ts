import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Evidence } from "./evidence.ts";
import { learn } from "./learn.ts";
import { newReputation } from "./ledger.ts";
import { standingOf } from "./sender-standing.ts";
import { intended, smallSize } from "./simulated-cast-test-world.ts";
import { playWorld } from "./simulated-mail-test-world.ts";
import { restoreReputation, type SnapshotPart, snapshotParts } from "./snapshot.ts";
import { subjectOf } from "./subjects.ts";

describe("a simulated world", () => {
  const evidence: Evidence[] = [];
  const { stories, decisions, reputation, endAt } = playWorld(smallSize, 1, (one) => evidence.push(one));
  const of = (role: keyof typeof intended) => stories.filter(({ sender }) => sender.role === role);

  for (const [role, outcome] of Object.entries(intended)) {
    test(`${role}: ${outcome}`, () => {
      const those = of(role as keyof typeof intended);
      assert.ok(those.length > 0);
      if (outcome !== "free") assert.ok(those.some(({ spamStopped }) => spamStopped > 0));
      for (const story of those) {
        const name = story.sender.domain;
        if (outcome === "free")
          assert.deepEqual([story.listedAt, story.goodStopped > 0 && !story.colluderListed], [undefined, false], name);
        else {
          assert.ok(story.platformListedAt !== undefined, name);
        }
        if (outcome !== "listed, then free") continue;
        assert.ok(story.freeAt !== undefined && story.freeAt < endAt, name);
        for (const { listed } of reputation.ledgers.values())
          for (const key of story.subjects) assert.ok(!listed.has(key), name);
      }
    });
  }

  test("the snowshoe network is listed as a whole, which stops addresses that nobody listed yet", () => {
    const index = decisions.findIndex(({ subject }) => subject.kind === "prefix" && subject.value === "203.0.113.0/24");
    const network = decisions[index];
    assert.ok(network?.type === "listed");
    const alone = decisions
      .slice(0, index)
      .filter(
        ({ scope, subject }) =>
          scope === network.scope && subject.kind === "ip" && subject.value.startsWith("203.0.113."),
      );
    assert.ok(new Set(alone.map(({ subject }) => subject.value)).size >= 3);
    const networks = new Set(
      decisions.filter(({ subject }) => subject.kind === "prefix").map(({ subject }) => subject.value),
    );
    assert.deepEqual([...networks], ["203.0.113.0/24"]);
  });

  test("the colluders have their rival on their own lists alone, though the platform heard them", () => {
    const [rival] = of("rival of the colluders");
    assert.equal(rival?.colluderListed, true);
    const scores = [...rival!.subjects].map((key) => standingOf(reputation, "platform", subjectOf(key))?.score ?? 0);
    assert.ok(Math.max(...scores) > 5, "enough points to list it: what saves it is its share of spam");
    assert.equal(rival?.platformListedAt, undefined);
  });

  test("no ordinary sender is on any list, not even of the tenant whose reporter marks everything", () => {
    for (const story of of("ordinary"))
      assert.deepEqual([story.listedAt, story.tenantsListing.size, story.colluderListed], [undefined, 0, false]);
  });

  test("a fold that is thrown away ten times and goes on from its checkpoint ends the same", () => {
    let fold = newReputation();
    const again: string[] = [];
    evidence.forEach((one, index) => {
      again.push(...learn(fold, one).decisions.map((decision) => JSON.stringify(decision)));
      if (index % Math.ceil(evidence.length / 10) !== 37) return;
      fold = restoreReputation(JSON.parse(JSON.stringify([...snapshotParts(fold)])) as SnapshotPart[]);
    });
    assert.deepEqual(
      again,
      decisions.map((decision) => JSON.stringify(decision)),
    );
    assert.equal(JSON.stringify([...snapshotParts(fold)]), JSON.stringify([...snapshotParts(reputation)]));
  });

  test("no decision is made twice", () => {
    assert.equal(new Set(decisions.map(({ key }) => key)).size, decisions.length);
  });
});
