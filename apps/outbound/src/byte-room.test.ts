import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createByteRoom } from "./byte-room.ts";
import { createSharedContent } from "./shared-content.ts";

/** Asks for room and notes the name on entering. */
function asker(room: ReturnType<typeof createByteRoom>) {
  const inside: string[] = [];
  const ask = (name: string, sizeBytes: number) =>
    room.take(sizeBytes).then((giveBack) => {
      inside.push(name);
      return giveBack;
    });
  return { inside, ask };
}

describe("room for bytes", () => {
  test("who does not fit waits, and nobody passes by", async () => {
    const { inside, ask } = asker(createByteRoom(100));
    const [a, b] = [ask("a", 60), ask("b", 60)];
    const c = ask("c", 10);
    await turn();
    assert.deepEqual(inside, ["a"]);
    (await a)();
    await Promise.all([b, c]);
    assert.deepEqual(inside, ["a", "b", "c"]);
  });

  test("bigger than the room: alone", async () => {
    const { inside, ask } = asker(createByteRoom(100));
    const [small, big, after] = [ask("small", 1), ask("big", 5_000), ask("after", 1)];
    await turn();
    assert.deepEqual(inside, ["small"]);
    (await small)();
    const leave = await big;
    await turn();
    assert.deepEqual(inside, ["small", "big"]);
    leave();
    (await after)();
    assert.equal(inside.length, 3);
  });
});

describe("shared content", () => {
  test("is read once for those who use it together, and its room is free after the last", async () => {
    const room = createByteRoom(100);
    let reads = 0;
    const content = createSharedContent(room, { sizeBytes: 100, read: async () => ++reads });
    const [one, two] = await Promise.all([content.take(), content.take()]);
    one.release();
    const { inside, ask } = asker(room);
    const next = ask("next", 100);
    await turn();
    assert.deepEqual([reads, inside], [1, []]);
    two.release();
    (await next)();
    assert.equal((await content.take()).content, 2, "who comes later reads anew");
  });

  test("a failed read gives its room back, and is tried again", async () => {
    let reads = 0;
    const read = async () => {
      reads += 1;
      if (reads === 1) throw new Error("disk");
      return "content";
    };
    const content = createSharedContent(createByteRoom(1), { sizeBytes: 1, read });
    await assert.rejects(content.take(), /disk/);
    assert.equal((await content.take()).content, "content");
  });
});
