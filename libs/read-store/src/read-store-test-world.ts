import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordedEvent, RowsProjection } from "@mailfold/kernel";
import { MemoryEventSource } from "./memory-event-source.ts";
import { MemoryRows } from "./memory-rows.ts";
import { type OpenedReadStore, openReadStore } from "./read-store.ts";

/** Counts letters; an event named Bad is poison. */
export const letters: RowsProjection = {
  name: "letters",
  version: 1,
  tables: [{ name: "seen", key: ["letter"], columns: { letter: "text", position: "text", size: "integer" } }],
  handles: ["Letter", "Bad", "Forgotten"],
  project: (event) => {
    const { letter, size = 0 } = event.data as { letter: string; size?: number };
    if (event.type === "Bad") throw new Error("cannot make sense of it");
    if (event.type === "Forgotten") return [{ delete: "seen", where: { letter } }];
    return [{ put: "seen", row: { letter, position: event.position, size } }];
  },
};
export const others: RowsProjection = { ...letters, name: "others", handles: ["Letter"] };
export const traffic: RowsProjection = {
  name: "traffic",
  version: 1,
  tables: [{ name: "rows", key: ["id"], columns: { id: "text", position: "text" }, expiringBy: "position" }],
  handles: ["Letter"],
  project: (event: RecordedEvent) => [{ put: "rows", row: { id: event.id, position: event.position } }],
};

export const letter = (name: string, stream = "tenant-a") => ({ type: "Letter", stream, data: { letter: name } });

type Change = ReturnType<RowsProjection["project"]>[number];
export function withKind(change: Change): Change {
  return "put" in change ? { put: change.put, row: { ...change.row, kind: "new" } } : change;
}

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !condition(); tries += 1) await sleep(10);
  assert(condition(), "waited in vain");
}

export const rowsOf = (store: OpenedReadStore, projection: RowsProjection) =>
  store.select(projection, "seen", { limit: 1000 }).map((row) => row.letter);
export const statusOf = (store: OpenedReadStore, name: string) => store.status().find((status) => status.name === name);

/** A log and a folder of views for each test of one `describe`; stores that a test leaves open are closed after it. */
export function readStoreWorld() {
  const faults: string[] = [];
  const open: OpenedReadStore[] = [];
  const world = { folder: "", source: new MemoryEventSource(), faults, open, openStore, caughtUp, hashInMemory };

  async function openStore(projections: readonly RowsProjection[], log = world.source): Promise<OpenedReadStore> {
    const store = await openReadStore({
      path: join(world.folder, "views.db"),
      clock: { now: () => 1_000_000 },
      projector: { parts: { source: log, projections, isKnownType: (type) => type !== "FromTheFuture" } },
      onFault: (text) => faults.push(text),
    });
    open.push(store);
    return store;
  }

  async function caughtUp(
    store: OpenedReadStore,
    projections: readonly RowsProjection[],
    log = world.source,
  ): Promise<void> {
    const names = projections.map(({ name }) => name);
    assert.equal(await store.waitFor(await log.head(), { projections: names, timeoutMs: 3_000 }), true);
  }

  async function hashInMemory(projection: RowsProjection): Promise<string> {
    const memory = new MemoryRows([projection]);
    for (const event of world.source.events) memory.append(event);
    return memory.hash(projection);
  }

  beforeEach(() => {
    world.folder = mkdtempSync(join(tmpdir(), "mailfold-views-"));
    world.source = new MemoryEventSource();
    faults.length = 0;
  });
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
    rmSync(world.folder, { recursive: true });
  });
  return world;
}
