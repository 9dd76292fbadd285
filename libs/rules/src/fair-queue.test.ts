import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FairQueue } from "./fair-queue.ts";

const options = { slots: 1, waitingMax: 8, waitingPerOwnerMax: 5, waitMs: 10_000 };

describe("FairQueue", () => {
  test("owners take turns, whoever came with more", async () => {
    const queue = new FairQueue(options);
    const done: string[] = [];
    const work = (owner: string) => queue.run(owner, async () => void done.push(owner));
    await Promise.all(["a", "a", "a", "a", "b", "c", "b"].map(work));
    assert.deepEqual(done, ["a", "a", "b", "c", "a", "b", "a"]);
  });

  test("one owner's heap leaves room for others, and what finds none is told so", async () => {
    const queue = new FairQueue(options);
    const work = (owner: string) => queue.run(owner, async () => owner);
    const turns = await Promise.all([..."aaaaaaa", ..."bb", ..."cc"].map(work));
    assert.deepEqual(
      turns.map((turn) => (turn.ran ? turn.value : "-")),
      ["a", "a", "a", "a", "a", "a", "-", "b", "b", "c", "-"],
    );
  });

  test("who waits too long is not run, and those behind still are; a fault frees its place", async () => {
    const queue = new FairQueue({ ...options, waitMs: 20 });
    let finish = (): void => {};
    const long = queue.run("a", () => new Promise<void>((resolve) => (finish = resolve)));
    const late = queue.run("b", async () => assert.fail("too late"));
    assert.deepEqual(await late, { ran: false });
    const broken = queue.run("b", async () => {
      throw new Error("broken");
    });
    const next = queue.run("c", async () => "ran");
    finish();
    await long;
    await assert.rejects(broken, /broken/);
    assert.deepEqual(await next, { ran: true, value: "ran" });
  });
});
