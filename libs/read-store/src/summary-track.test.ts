import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { BodyRef } from "@mailfold/events";
import type { KeyedFold } from "@mailfold/kernel";
import { MemoryEventSource } from "./memory-event-source.ts";
import { type Summary, summaryProjection } from "./projector-parts.ts";
import { openReadStore } from "./read-store.ts";

interface Box {
  bytes: number;
  messages: number;
}
const box: KeyedFold<Box, undefined> = {
  name: "box",
  version: 1,
  category: "mail",
  initial: () => ({ bytes: 0, messages: 0 }),
  apply: (state, event) => {
    if (event.type === "Bad") throw new Error("cannot fold it");
    const { bytes } = event.data as { readonly bytes: number };
    return { state: { bytes: state.bytes + bytes, messages: state.messages + Math.sign(bytes) }, outcome: undefined };
  },
  serialize: (state) => new TextEncoder().encode(JSON.stringify(state)),
  deserialize: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Box,
};
const usage: Summary<Box> = {
  fold: box,
  table: {
    name: "usage",
    key: ["mailboxId"],
    columns: { mailboxId: "text", bytes: "integer", messages: "integer" },
  },
  summarise: ({ bytes, messages }, key) => ({ mailboxId: key, bytes, messages }),
  bodies: ({ messages }) =>
    Array.from({ length: messages }, (): BodyRef => ({ tenantId: "t", sha256: "aa", sizeBytes: 1 })),
  releasedBy: ["Removed"],
};
const projection = summaryProjection(usage);
const stored = (bytes: number, key = "m1") => ({ type: "Stored", stream: `mail-${key}`, data: { bytes } });
const removed = (bytes: number, key = "m1") => ({ type: "Removed", stream: `mail-${key}`, data: { bytes: -bytes } });

const folder = mkdtempSync(join(tmpdir(), "mailfold-summary-"));
after(() => rmSync(folder, { recursive: true }));

function openWith(source: MemoryEventSource, name: string, onBodies?: (stream: string, count: number) => void) {
  return openReadStore({
    path: join(folder, `${name}.db`),
    clock: { now: () => 0 },
    projector: { parts: { source, projections: [], summaries: [usage] } },
    onBodies: (stream, refs) => onBodies?.(stream, refs.length),
  });
}
const current = async (store: Awaited<ReturnType<typeof openWith>>, source: MemoryEventSource) =>
  assert(await store.waitFor(await source.head(), { projections: [projection.name], timeoutMs: 3_000 }));

describe("summaries of a keyed fold", () => {
  test("rows are kept up, restarts fold only the tail, a rebuild agrees", async () => {
    const source = new MemoryEventSource();
    for (let count = 0; count < 1_200; count += 1) source.append(stored(10, count % 3 === 0 ? "m2" : "m1"));
    const store = await openWith(source, "restart");
    await current(store, source);
    assert.deepEqual(
      { ...store.get(projection, "usage", { mailboxId: "m1" }) },
      {
        mailboxId: "m1",
        bytes: 8_000,
        messages: 800,
      },
    );
    const folded = store.snapshots.load({ fold: "box", version: 1, key: "m1", restoredAt: 0 });
    assert((folded?.revision ?? 0) >= 499, "a snapshot was kept");
    await store.close();
    const reads: number[] = [];
    const readStream = source.readStream.bind(source);
    source.readStream = (stream, options = {}) => {
      reads.push(options.from ?? 0);
      return readStream(stream, options);
    };
    source.append(removed(10), stored(5, "m3"));
    const again = await openWith(source, "restart");
    await current(again, source);
    assert.equal(again.get(projection, "usage", { mailboxId: "m1" })?.bytes, 7_990);
    assert.equal(again.get(projection, "usage", { mailboxId: "m3" })?.bytes, 5);
    assert(
      reads.every((from) => from >= 500),
      `read from ${reads}`,
    );
    const live = await again.hash(projection);
    await again.rebuild(projection.name);
    assert.equal(await again.hash(projection), live);
    source.append(stored(1));
    await current(again, source);
    assert.equal(again.get(projection, "usage", { mailboxId: "m1" })?.bytes, 7_991);
    await again.close();
  });

  test("what a stream holds is reported after events that release bodies, and only then", async () => {
    const source = new MemoryEventSource();
    const reported: unknown[] = [];
    const store = await openWith(source, "bodies", (stream, count) => reported.push([stream, count]));
    source.append(stored(1), stored(1), stored(1, "m2"));
    await current(store, source);
    await sleep(250);
    assert.deepEqual(reported, []);
    source.append(removed(1));
    await current(store, source);
    for (let tries = 0; tries < 100 && reported.length === 0; tries += 1) await sleep(10);
    assert.deepEqual(reported, [["mail-m1", 1]]);
    await store.close();
  });

  test("an event that cannot be folded parks the summary with its name", async () => {
    const source = new MemoryEventSource();
    source.append(stored(1), { type: "Bad", stream: "mail-m1", data: {} }, stored(1, "m2"));
    const store = await openWith(source, "poison");
    for (let tries = 0; tries < 100 && store.status()[0]?.state !== "parked"; tries += 1) await sleep(10);
    assert.equal(store.status()[0]?.parked?.eventId, "event-2");
    assert.match(store.status()[0]?.parked?.error ?? "", /cannot fold it/);
    await store.close();
  });
});
