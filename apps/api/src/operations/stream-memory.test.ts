import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventStore } from "@mailfold/event-store";
import type { RecordedEvent } from "@mailfold/kernel";
import { createStreamMemory } from "./stream-memory.ts";

function worldOf() {
  const streams = new Map<string, RecordedEvent[]>();
  let served = 0;
  const store = {
    async *readStream(stream: string, { from = 0 }: { from?: number } = {}) {
      for (const event of (streams.get(stream) ?? []).filter((each) => each.revision >= from)) {
        served += 1;
        yield event;
      }
    },
  } as unknown as EventStore;
  const add = (stream: string, id: string) => {
    const events = streams.get(stream) ?? [];
    events.push({ id, revision: events.length } as RecordedEvent);
    streams.set(stream, events);
  };
  return { streams, add, memory: createStreamMemory(store), served: () => served };
}
const ids = (events: readonly RecordedEvent[]) => events.map((event) => event.id);

test("a stream read again is read from where it was left", async () => {
  const world = worldOf();
  for (let n = 0; n < 1_000; n += 1) world.add("policy-a", `e${n}`);
  assert.equal((await world.memory.read("policy-a")).length, 1_000);
  world.add("policy-a", "new");
  const before = world.served();
  assert.deepEqual(ids(await world.memory.read("policy-a")).slice(-2), ["e999", "new"]);
  assert.equal(world.served() - before, 2);
});

test("a stream that was deleted and begun again shows nothing of the old one", async () => {
  const world = worldOf();
  for (const stream of ["s", "t"]) {
    for (let n = 0; n < 100; n += 1) world.add(stream, `old${n}`);
    await world.memory.read(stream);
    world.streams.set(stream, []);
  }
  assert.deepEqual(await world.memory.read("s"), []);
  for (let n = 0; n < 120; n += 1) world.add("t", `new${n}`);
  const events = ids(await world.memory.read("t"));
  assert.equal(events.length, 120);
  assert.ok(events.every((id) => id.startsWith("new")));
});

test("many short streams do not push out a long one", async () => {
  const world = worldOf();
  for (let n = 0; n < 1_000; n += 1) world.add("policy-a", `e${n}`);
  await world.memory.read("policy-a");
  for (let stream = 0; stream < 1_000; stream += 1) {
    for (let n = 0; n < 40; n += 1) world.add(`short${stream}`, `${n}`);
    await world.memory.read(`short${stream}`);
  }
  const before = world.served();
  await world.memory.read("policy-a");
  assert.equal(world.served() - before, 1);
});

test("memory is bounded: old streams are forgotten and still read right", async () => {
  const world = worldOf();
  for (let stream = 0; stream < 10; stream += 1)
    for (let n = 0; n < 3_000; n += 1) world.add(`s${stream}`, `${stream}.${n}`);
  for (let stream = 0; stream < 10; stream += 1) assert.equal((await world.memory.read(`s${stream}`)).length, 3_000);
  const before = world.served();
  assert.equal((await world.memory.read("s0")).length, 3_000);
  assert.equal(world.served() - before, 3_000, "the first was forgotten");
});
