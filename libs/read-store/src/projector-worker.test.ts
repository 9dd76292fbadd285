import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordedEvent } from "@mailfold/kernel";
import { memoryPosition } from "./memory-event-source.ts";
import { openReadStore } from "./read-store.ts";
import { createProjector } from "./worker-module-contract.ts";

const folder = mkdtempSync(join(tmpdir(), "mailfold-worker-"));
after(() => rmSync(folder, { recursive: true }));
const moduleUrl = new URL("./worker-module-contract.ts", import.meta.url);

let count = 0;
function append(path: string, ...letters: readonly string[]): void {
  const events = letters.map((letter): RecordedEvent => {
    count += 1;
    return {
      id: `event-${count}`,
      type: "Letter",
      stream: "tenant-a",
      revision: count - 1,
      position: memoryPosition(count),
      occurredAt: count,
      data: { letter },
      metadata: { actor: { type: "system", id: "test" } },
    };
  });
  appendFileSync(path, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
}

function openIn(log: string, died: Error[]) {
  return openReadStore({
    path: join(folder, "views.db"),
    clock: { now: () => 0 },
    projector: { moduleUrl, config: { log } },
    onDied: (error) => died.push(error),
  });
}

describe("projector in its worker", () => {
  test("module and source are made there; rows, waits, rebuild and snapshots work from here", async () => {
    const log = join(folder, "log.jsonl");
    writeFileSync(log, "");
    const {
      projections: [letters],
    } = await createProjector({ log });
    assert(letters !== undefined);
    const died: Error[] = [];
    append(log, "a", "b");
    const store = await openIn(log, died);
    const options = { projections: ["letters"], timeoutMs: 3_000 };
    assert.equal(await store.waitFor(memoryPosition(2), options), true);
    const heard = Promise.withResolvers<string>();
    store.onAdvance((name) => heard.resolve(name));
    append(log, "c");
    assert.equal(await store.waitFor(memoryPosition(3), options), true);
    assert.equal(await heard.promise, "letters");
    assert.equal(store.get(letters, "seen", { letter: "c" })?.letter, "c");
    const before = await store.hash(letters);
    await store.rebuild("letters");
    assert.equal(await store.hash(letters), before);
    assert.deepEqual(
      store.select(letters, "seen", { limit: 10 }).map(({ letter }) => letter),
      ["a", "b", "c"],
    );
    await assert.rejects(store.rebuild("none"), /no projection none/);
    store.snapshots.save({
      fold: "f",
      version: 1,
      key: "k",
      revision: 7,
      restoredAt: 0,
      bytes: new Uint8Array([1, 2, 3]),
    });
    const query = { fold: "f", version: 1, key: "k", restoredAt: 0 };
    for (let tries = 0; tries < 100 && store.snapshots.load(query) === undefined; tries += 1) await sleep(10);
    assert.deepEqual(store.snapshots.load(query)?.bytes, new Uint8Array([1, 2, 3]));
    assert.equal(await store.waitFor(memoryPosition(99), { ...options, timeoutMs: 20 }), false);
    await store.close();
    assert.deepEqual(died, []);
  });

  test("a module that cannot start refuses the open; a worker that dies is reported", async () => {
    await assert.rejects(openIn("", []), /no log was named/);
    const log = join(folder, "dying.jsonl");
    writeFileSync(log, "");
    const died: Error[] = [];
    const store = await openIn(log, died);
    append(log, "die");
    for (let tries = 0; tries < 300 && died.length === 0; tries += 1) await sleep(10);
    assert.match(String(died[0]), /the worker's own bug/);
    assert.equal(store.status()[0]?.state, "stopped");
    await store.close();
  });
});
