import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeyedFold } from "@mailfold/kernel";
import fc from "fast-check";
import { FoldLagging } from "./fold-entry.ts";
import { openFoldRunner } from "./fold-runner.ts";
import { createMemorySnapshots, type FoldSnapshot } from "./fold-snapshots.ts";
import { MemoryEventSource } from "./memory-event-source.ts";

interface Sum {
  total: number;
  readonly world: number;
}

/** Adds numbers; the outcome is the running total. */
const sum: KeyedFold<Sum, number> = {
  name: "sum",
  version: 1,
  category: "mail",
  initial: (_key, { restoredAt }) => ({ total: 0, world: restoredAt }),
  apply: (state, event) => {
    if (event.type === "Bad") throw new Error("cannot fold it");
    state.total += (event.data as { readonly add: number }).add;
    return { state, outcome: state.total };
  },
  serialize: (state) => new TextEncoder().encode(JSON.stringify(state)),
  deserialize: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Sum,
};
const add = (amount: number, key = "m1") => ({ type: "Added", stream: `mail-${key}`, data: { add: amount } });

function setting(source = new MemoryEventSource()) {
  const saved: FoldSnapshot[] = [];
  const memory = createMemorySnapshots();
  const snapshots = {
    load: memory.load,
    save: (snapshot: FoldSnapshot) => {
      saved.push(snapshot);
      memory.save(snapshot);
    },
  };
  const reads: number[] = [];
  const counted = {
    subscribe: source.subscribe.bind(source),
    head: source.head.bind(source),
    readStream: (stream: string, options?: { readonly from?: number }) => {
      reads.push(options?.from ?? 0);
      return source.readStream(stream, options);
    },
  };
  return { source, snapshots, saved, reads, runner: openFoldRunner({ fold: sum, source: counted, snapshots }) };
}

describe("fold runner", () => {
  test("opens by folding the stream, follows it live, in order, for every holder", async () => {
    const { source, runner } = setting();
    source.append(add(1), add(2), add(100, "m2"));
    const [first, second] = await Promise.all([runner.open("m1"), runner.open("m1")]);
    assert.equal(first.state, second.state, "one state for all who have it open");
    assert.deepEqual([first.revision, first.state.total], [1, 3]);
    const heard: number[][] = [];
    first.onApplied((outcome, revision) => heard.push([revision, outcome]));
    await sleep(5);
    source.append(add(3), add(7, "m2"), add(4));
    await sleep(30);
    assert.deepEqual(heard, [
      [2, 6],
      [3, 10],
    ]);
    first.release();
    source.append(add(5));
    await sleep(20);
    assert.equal(heard.length, 2, "a released handle hears nothing");
    assert.equal(second.state.total, 15);
    await runner.close();
  });

  test("a long tail is folded in turns with others", async () => {
    const { source, snapshots } = setting();
    for (let i = 0; i < 30; i++) source.append(add(1));
    const slow: typeof sum = {
      ...sum,
      apply: (state, event) => {
        for (const until = performance.now() + 5; performance.now() < until; );
        return sum.apply(state, event);
      },
    };
    const runner = openFoldRunner({ fold: slow, source, snapshots });
    let turns = 0;
    const others = setInterval(() => (turns += 1), 1);
    const handle = await runner.open("m1");
    clearInterval(others);
    assert.equal(handle.state.total, 30);
    assert.ok(turns >= 3, `${turns} turns in 150 ms of folding`);
    await runner.close();
  });

  test("waitFor reads the tail itself, gives each its own outcome, and says when it lags", async () => {
    const { source, runner } = setting();
    const handle = await runner.open("m1");
    const before = handle.revision;
    const outcomes = [1, 2, 3].map((amount) => {
      const [event] = source.append(add(amount));
      return handle.waitFor(event?.revision ?? -1, 1_000);
    });
    assert.equal(before, -1);
    assert.deepEqual(await Promise.all(outcomes), [1, 3, 6]);
    await assert.rejects(handle.waitFor(9, 60), FoldLagging);
    const late = handle.waitFor(3, 2_000);
    setTimeout(() => source.append(add(4)), 20);
    assert.equal(await late, 10);
    await runner.close();
  });

  test("outcomes of the last 1,024 events are kept", async () => {
    const { source, runner } = setting();
    for (let count = 0; count < 1_100; count += 1) source.append(add(1));
    const handle = await runner.open("m1");
    assert.equal(await handle.waitFor(1_099, 100), 1_100);
    assert.equal(await handle.waitFor(1_100 - 1_024, 100), 77);
    await assert.rejects(handle.waitFor(1_100 - 1_025, 100), /no longer kept/);
    await runner.close();
  });

  test("snapshots: every 500 events, at eviction, and a new runner reads only the tail", async () => {
    const { source, snapshots, saved, runner } = setting();
    for (let count = 0; count < 1_050; count += 1) source.append(add(1));
    const handle = await runner.open("m1");
    assert.deepEqual(
      saved.map(({ revision }) => revision),
      [499, 999],
    );
    handle.release();
    await runner.close();
    assert.equal(saved.length, 2, "fifty events more are not worth a snapshot");
    const reads: number[] = [];
    const counted = {
      subscribe: source.subscribe.bind(source),
      head: source.head.bind(source),
      readStream: (stream: string, options?: { readonly from?: number }) => {
        reads.push(options?.from ?? 0);
        return source.readStream(stream, options);
      },
    };
    const again = openFoldRunner({ fold: sum, source: counted, snapshots });
    const reopened = await again.open("m1");
    assert.equal(reads[0], 1_000);
    assert.equal(reopened.state.total, 1_050);
    await again.close();
    const restored = openFoldRunner({ fold: sum, source, snapshots, world: { restoredAt: 5 } });
    const other = await restored.open("m1");
    assert.deepEqual(other.state, { total: 1_050, world: 5 }, "a snapshot from before a restore is not used");
    await restored.close();
  });

  test("closed states are kept up to 64, then evicted with a snapshot", async () => {
    const { source, saved, reads, runner } = setting();
    for (let count = 0; count < 70; count += 1) source.append(add(1, "first"));
    (await runner.open("first")).release();
    (await runner.open("first")).release();
    assert.deepEqual(reads, [0, 70], "reopened from memory");
    for (let key = 0; key < 64; key += 1) (await runner.open(`k${key}`)).release();
    assert.deepEqual(
      saved.map(({ key, revision }) => [key, revision]),
      [["first", 69]],
    );
    assert.equal((await runner.open("first")).state.total, 70);
    await runner.close();
  });

  test("an event that cannot be folded fails who waits and who opens, and no other key", async () => {
    const { source, runner } = setting();
    const handle = await runner.open("m1");
    const other = await runner.open("m2");
    source.append({ type: "Bad", stream: "mail-m1", data: {} }, add(1, "m2"));
    await assert.rejects(handle.waitFor(0, 500), /cannot fold it/);
    await assert.rejects(runner.open("m1"), /cannot fold it/);
    assert.equal(await other.waitFor(0, 500), 1);
    await runner.close();
  });

  test("a live subscription that breaks is taken up again, with nothing missed", async () => {
    const { source, runner } = setting();
    const handle = await runner.open("m1");
    await sleep(10);
    source.failures = 1;
    source.append(add(1)); // Wakes the subscription, which then fails.
    source.append(add(2));
    for (let tries = 0; tries < 100 && handle.state.total < 3; tries += 1) await sleep(10);
    assert.equal(handle.state.total, 3);
    await runner.close();
  });

  test("snapshot and tail give the same state as a full fold, wherever the cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 40 }),
        fc.nat({ max: 39 }),
        async (amounts, cut) => {
          const { source, snapshots } = setting();
          const at = Math.min(cut, amounts.length - 1);
          source.append(...amounts.map((amount) => add(amount)));
          const total = amounts.slice(0, at + 1).reduce((all, amount) => all + amount, 0);
          const bytes = sum.serialize({ total, world: 0 });
          snapshots.save({ fold: "sum", version: 1, key: "m1", revision: at, restoredAt: 0, bytes });
          const runner = openFoldRunner({ fold: sum, source, snapshots });
          const handle = await runner.open("m1");
          const all = amounts.reduce((sumOf, amount) => sumOf + amount, 0);
          assert.deepEqual([handle.revision, handle.state.total], [amounts.length - 1, all]);
          await runner.close();
        },
      ),
      { numRuns: 30 },
    );
  });
});
