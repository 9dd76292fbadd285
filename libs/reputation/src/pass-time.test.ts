import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dayMs, hourMs, Story, startAt } from "./evidence-test-world.ts";
import { learn } from "./learn.ts";
import { restoreReputation, snapshotParts } from "./snapshot.ts";

const yearMs = 365 * dayMs;
const tick = (story: Story, at: number) => learn(story.reputation, { kind: "timePassed", at }).decisions;

/** A sender that is listed. */
function listed(): Story {
  const story = new Story();
  for (let mail = 0; mail < 12; mail += 1) story.give("contentSpam", { message: `m${mail}` });
  story.wait(hourMs);
  assert.ok(story.says().some((line) => line.includes("new")));
  return story;
}

describe("the time that events tell", () => {
  test("one event whose clock is a year ahead moves it a day, and the next right one goes on from there", () => {
    const story = listed();
    const { now } = story.reputation;
    assert.deepEqual(tick(story, now + yearMs), [], "nothing has ended");
    assert.equal(story.reputation.now, now + dayMs);
    tick(story, now + 2 * hourMs);
    tick(story, now + dayMs + hourMs);
    assert.equal(story.reputation.now, now + dayMs + hourMs);
  });

  test("what comes of one event does not confirm itself", () => {
    const story = listed();
    const { now } = story.reputation;
    story.at = now + yearMs;
    for (const kind of ["accepted", "contentSpam", "contentSpam"] as const) {
      learn(story.reputation, story.evidence(kind, { id: "one" }));
    }
    assert.equal(story.reputation.now, now + dayMs);
  });

  test("after a real pause the second event brings all of it, and what was due ends", () => {
    const story = listed();
    const { now } = story.reputation;
    tick(story, now + yearMs);
    const ended = tick(story, now + yearMs + 1);
    assert.equal(story.reputation.now, now + yearMs);
    assert.deepEqual(
      ended.map(({ type }) => type),
      ["delisted"],
    );
  });

  test("a snapshot between the two events changes nothing", () => {
    const story = listed();
    const { now } = story.reputation;
    tick(story, now + yearMs);
    const restored = restoreReputation(
      [...snapshotParts(story.reputation)].map((part) => JSON.parse(JSON.stringify(part)) as typeof part),
    );
    learn(restored, { kind: "timePassed", at: now + yearMs + 1 });
    tick(story, now + yearMs + 1);
    assert.equal(restored.now, story.reputation.now);
    assert.ok(story.reputation.now > startAt + yearMs);
  });
});
