import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RowsProjection } from "@mailfold/kernel";
import { memoryPosition } from "./memory-event-source.ts";
import { letter, letters, others, readStoreWorld, rowsOf, statusOf, until } from "./read-store-test-world.ts";
import { RowsUnavailable } from "./sql-reader.ts";

describe("read store", () => {
  const world = readStoreWorld();
  const { openStore, caughtUp, faults, open } = world;

  test("rows follow the log, live and after a restart, without repeating work", async () => {
    world.source.append(letter("a"), letter("b"));
    const store = await openStore([letters]);
    await caughtUp(store, [letters]);
    assert.deepEqual(rowsOf(store, letters), ["a", "b"]);
    const changes: string[] = [];
    store.onAdvance((name, position) => changes.push(`${name}@${Number(position)}`));
    world.source.append({ type: "Unrelated", stream: "tenant-a", data: {} });
    await caughtUp(store, [letters]);
    assert.deepEqual(changes, [], "nothing changed, so no cache need be dropped");
    world.source.append({ type: "Forgotten", stream: "tenant-a", data: { letter: "a" } });
    await caughtUp(store, [letters]);
    assert.deepEqual(changes, ["letters@4"]);
    assert.equal(store.get(letters, "seen", { letter: "a" }), undefined);
    assert.equal(store.get(letters, "seen", { letter: "b" })?.position, memoryPosition(2));
    await store.close();
    open.pop();
    let projected = 0;
    const counting: RowsProjection = {
      ...letters,
      project: (event) => {
        projected += 1;
        return letters.project(event);
      },
    };
    world.source.append(letter("c"));
    const again = await openStore([counting]);
    await caughtUp(again, [counting]);
    assert.deepEqual(rowsOf(again, letters), ["b", "c"]);
    assert.equal(projected, 1);
  });

  test("an idle store shows an event within 20 ms, and takes in a backlog by the thousands a second", async () => {
    const store = await openStore([letters]);
    await caughtUp(store, [letters]);
    const waits: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      await sleep(30);
      const began = performance.now();
      world.source.append(letter(`x${round}`));
      await caughtUp(store, [letters]);
      waits.push(performance.now() - began);
    }
    assert(Math.min(...waits) < 20, `took ${waits} ms`);
    for (let count = 0; count < 20_000; count += 1) world.source.append(letter(`l${count}`));
    const began = performance.now();
    await caughtUp(store, [letters]);
    const perSecond = 20_000 / ((performance.now() - began) / 1_000);
    assert(perSecond > 3_000, `${perSecond} events/s`); // 30,000 when the machine is ours alone.
  });

  test("a poison event parks its projection with the event named; others go on; a fixed one resumes", async () => {
    world.source.append(letter("a"), letter("b"), { type: "Bad", stream: "tenant-a", data: {} }, letter("c"));
    const store = await openStore([letters, others]);
    await caughtUp(store, [others]);
    assert.deepEqual(rowsOf(store, others), ["a", "b", "c"]);
    assert.deepEqual(rowsOf(store, letters), ["a", "b"], "events before the poison stand");
    await until(() => statusOf(store, "letters")?.state === "parked");
    const status = statusOf(store, "letters");
    assert.deepEqual(status?.parked, {
      eventId: "event-3",
      type: "Bad",
      position: memoryPosition(3),
      error: "Error: cannot make sense of it",
    });
    assert.equal(status?.lagEvents, 2);
    assert.equal(status?.lagSeconds, 1_000 - 3);
    assert.equal(await store.waitFor(memoryPosition(4), { projections: ["letters"], timeoutMs: 20 }), false);
    await assert.rejects(store.rebuild("letters"), /parked: Error: cannot make sense/);
    assert.deepEqual(rowsOf(store, letters), ["a", "b"], "the old rows are still served");
    await store.close();
    open.pop();
    const fixed: RowsProjection = { ...letters, handles: ["Letter"] };
    const again = await openStore([fixed, others]);
    await caughtUp(again, [fixed, others]);
    assert.deepEqual(rowsOf(again, fixed), ["a", "b", "c"]);
  });

  test("a row that does not fit is poison too, and leaves nothing of its event", async () => {
    const half: RowsProjection = {
      ...letters,
      project: (event) => [...letters.project(event), { put: "seen", row: { letter: "half", size: 0.5 } }],
    };
    world.source.append(letter("a"));
    const store = await openStore([half]);
    await until(() => statusOf(store, "letters")?.state === "parked");
    assert.match(statusOf(store, "letters")?.parked?.error ?? "", /takes a safe integer/);
    assert.deepEqual(rowsOf(store, letters), []);
  });

  test("an event that needs newer code stops a projection; unknown types without that are skipped", async () => {
    world.source.append(
      letter("a"),
      { type: "FromTheFuture", stream: "tenant-a", data: {} },
      { type: "Unrelated", stream: "tenant-a", data: {}, metadata: { minReader: 9 } },
      letter("b"),
      { type: "FromTheFuture", stream: "tenant-a", data: {}, metadata: { minReader: 2 } },
      letter("c"),
    );
    const store = await openStore([letters]);
    await until(() => statusOf(store, "letters")?.state === "stopped");
    assert.deepEqual(rowsOf(store, letters), ["a", "b"]);
    assert.equal(statusOf(store, "letters")?.parked?.position, memoryPosition(5));
    assert.match(statusOf(store, "letters")?.parked?.error ?? "", /reader generation 2, this is 1/);
  });

  test("a log that is unavailable for a while is read again; nothing is lost or repeated", async () => {
    const store = await openStore([letters]);
    await caughtUp(store, [letters]);
    world.source.failures = 2;
    world.source.append(letter("a"));
    await caughtUp(store, [letters]);
    assert.deepEqual(rowsOf(store, letters), ["a"]);
    assert(faults.some((text) => /log unavailable/.test(text)));
  });

  test("selectAsync answers as select does, and says what is wrong", async () => {
    world.source.append(letter("a"), letter("b"));
    const store = await openStore([letters]);
    await caughtUp(store, [letters]);
    const query = { limit: 5, orderBy: ["letter"], descending: true } as const;
    const expected = store.select(letters, "seen", query).map((row) => ({ ...row }));
    assert.deepEqual(await store.selectAsync(letters, "seen", query), expected);
    await assert.rejects(store.selectAsync(letters, "seen", { limit: 5000 }), /limit must be/);
    assert.throws(() => store.get({ ...letters, name: "unheard-of" }, "seen", { letter: "a" }), RowsUnavailable);
  });
});
