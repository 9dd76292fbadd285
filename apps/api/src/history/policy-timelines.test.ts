import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openMemoryEventStore } from "@mailfold/event-store";
import { createEventCodec } from "@mailfold/events";
import type { Position } from "@mailfold/kernel";
import { applyPolicyEvent, emptyPolicy } from "@mailfold/policy";
import { plainSealer } from "../test-support/api-test-world.ts";
import { dice, openTimeTravelWorld, path, type TimeTravelWorld } from "../test-support/time-travel-test-world.ts";
import { createPolicyTimelines } from "./policy-timelines.ts";

describe("the policy of a position", () => {
  let world: TimeTravelWorld;
  before(async () => {
    world = await openTimeTravelWorld(10_000, 42);
  });
  after(() => world?.store.close());

  test("after 10,000 random changes, at 1,000 random positions, is the fold of the events up to there", async () => {
    const roll = dice(7);
    const wanted = new Set(Array.from({ length: 1_000 }, () => roll(world.events.length)));
    const paths = [path, { resellerId: path.resellerId, tenantId: path.tenantId }, {}];
    const timelines = createPolicyTimelines(world.store);
    let folded = emptyPolicy();
    let compared = 0;
    for (const [index, event] of world.events.entries()) {
      folded = applyPolicyEvent(folded, event);
      if (!wanted.has(index)) continue;
      const along = paths[index % paths.length] ?? path;
      const then = await timelines.at(along, event.position);
      assert.deepEqual(then.effective(along), folded.effective(along), `after ${index + 1} changes`);
      assert.deepEqual(then.rules(along), folded.rules(along));
      compared += 1;
    }
    assert.equal(compared, wanted.size);
    assert.deepEqual((await timelines.at(path, "" as Position)).effective(path), emptyPolicy().effective(path));
  });

  test("goes on from what it remembers, in any order of questions", async () => {
    const store = await openMemoryEventStore({ codec: createEventCodec(plainSealer), clock: { now: () => 1_000 } });
    const timelines = createPolicyTimelines(store);
    const [early, late] = world.events.slice(0, 120).reduce<[Position[], Position[]]>(
      ([first, second], event, index) => {
        (index < 60 ? first : second).push(event.position);
        return [first, second];
      },
      [[], []],
    );
    const sizes = [];
    for (const part of [world.events.slice(0, 60), world.events.slice(60, 120)]) {
      for (const { id, type, data, metadata, stream, occurredAt } of part) {
        await store.append({ stream, expected: "any", events: [{ id, type, data, metadata, occurredAt }] });
      }
      sizes.push((await timelines.at(path, part.at(-1)?.position ?? assert.fail())).effective(path).length);
    }
    assert.equal(sizes.length, 2);
    for (const position of [...late.toReversed(), ...early]) {
      const folded = world.events.filter((event) => event.position <= position).reduce(applyPolicyEvent, emptyPolicy());
      assert.deepEqual((await timelines.at(path, position)).effective(path), folded.effective(path));
    }
    await store.close();
  });
});
