import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { RowsProjection } from "@mailfold/kernel";
import { MemoryEventSource, memoryPosition } from "./memory-event-source.ts";
import {
  letter,
  letters,
  others,
  readStoreWorld,
  rowsOf,
  statusOf,
  traffic,
  until,
  withKind,
} from "./read-store-test-world.ts";
import { RowsUnavailable } from "./sql-reader.ts";

describe("read store: rebuilds", () => {
  const world = readStoreWorld();
  const { openStore, caughtUp, hashInMemory, open } = world;

  test("a new version is built beside, served rows are kept up meanwhile, then swapped", async () => {
    world.source.append(letter("a"));
    const first = await openStore([letters]);
    await caughtUp(first, [letters]);
    await first.close();
    open.pop();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = Object.assign(new MemoryEventSource(), {});
    slow.append(letter("a"), letter("b"));
    const subscribe = slow.subscribe.bind(slow);
    slow.subscribe = async function* (options = {}) {
      if ((options.after ?? "") === "") await held; // Only the rebuild starts from zero.
      yield* subscribe(options);
    };
    const [table] = letters.tables;
    assert(table !== undefined);
    const second: RowsProjection = {
      ...letters,
      version: 2,
      tables: [{ ...table, columns: { ...table.columns, kind: "text" } }],
      project: (event) => letters.project(event).map((change) => withKind(change)),
    };
    const store = await openStore([second], slow);
    await caughtUp(store, [second], slow);
    assert.equal(statusOf(store, "letters")?.state, "rebuilding");
    assert.equal(statusOf(store, "letters")?.version, 1);
    assert.deepEqual(
      store.select(second, "seen", { limit: 9 }).map(({ letter: name, kind }) => [name, kind]),
      [
        ["a", null],
        ["b", null],
      ],
    );
    assert.throws(() => store.select(second, "seen", { limit: 9, where: { kind: "new" } }), RowsUnavailable);
    release();
    await until(() => statusOf(store, "letters")?.version === 2);
    assert.equal(statusOf(store, "letters")?.state, "running");
    assert.deepEqual(
      store.select(second, "seen", { limit: 9, where: { kind: "new" } }).map(({ letter: name }) => name),
      ["a", "b"],
    );
    slow.append(letter("c"));
    await caughtUp(store, [second], slow);
    assert.equal(store.get(second, "seen", { letter: "c" })?.kind, "new");
    const db = new DatabaseSync(join(world.folder, "views.db"), { readOnly: true });
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'letters%'").all();
    db.close();
    assert.deepEqual(
      tables.map(({ name }) => name),
      ["letters__v2__seen"],
    );
  });

  test("a commanded rebuild heals rows, under load, and rides on with the others", async () => {
    for (let count = 0; count < 700; count += 1) world.source.append(letter(`l${count % 100}`));
    const store = await openStore([letters, others]);
    await caughtUp(store, [letters, others]);
    const before = await store.hash(letters);
    const spoiler = new DatabaseSync(join(world.folder, "views.db"));
    spoiler.exec("DELETE FROM letters__v1__seen WHERE letter < 'l5'");
    spoiler.close();
    assert.notEqual(await store.hash(letters), before);
    const rebuilt = store.rebuild("letters");
    world.source.append({ type: "Unrelated", stream: "tenant-a", data: {} });
    await rebuilt;
    assert.equal(await store.hash(letters), before);
    assert.deepEqual(rowsOf(store, letters).length, 100);
    for (let count = 0; count < 20; count += 1) world.source.append(letter(`late${count}`));
    await caughtUp(store, [letters, others]);
    assert.equal(await store.hash(letters), await hashInMemory(letters));
    await store.rebuild("letters");
    assert.equal(await store.hash(letters), await hashInMemory(letters));
    await assert.rejects(store.rebuild("nobody"), /no projection nobody/);
  });

  test("expired traffic leaves the rows, and a rebuild agrees", async () => {
    for (let count = 0; count < 50; count += 1)
      world.source.append(letter("x", count % 2 ? "verdict-a.1" : "tenant-a"));
    const store = await openStore([traffic]);
    await caughtUp(store, [traffic]);
    world.source.expire(memoryPosition(31));
    await store.dropExpired();
    const live = await store.hash(traffic);
    assert.equal(store.select(traffic, "rows", { limit: 100 }).length, 20);
    await store.rebuild("traffic");
    assert.equal(await store.hash(traffic), live);
  });

  test("rows of another epoch's log, or a broken file, are built anew", async () => {
    world.source.append(letter("a"), letter("b"));
    const store = await openStore([letters]);
    await caughtUp(store, [letters]);
    await store.close();
    open.pop();
    const restored = new MemoryEventSource("epoch-2");
    restored.append(letter("z"));
    const again = await openStore([letters], restored);
    await caughtUp(again, [letters], restored);
    assert.deepEqual(rowsOf(again, letters), ["z"]);
    await again.close();
    open.pop();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(world.folder, "views.db"), "this is no database at all, whatever it is called".repeat(100));
    const anew = await openStore([letters], restored);
    await caughtUp(anew, [letters], restored);
    assert.deepEqual(rowsOf(anew, letters), ["z"]);
  });
});
