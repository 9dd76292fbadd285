import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { openKurrentEventStore, openMemoryEventStore, readWholeStream } from "@mailfold/event-store";
import { createEventCodec } from "@mailfold/events";
import type { Position, Sealer } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import { startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { openMemoryBodies } from "../../../../test/doubles/kurrentdb/memory-bodies.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { newId } from "../../../ids/src/index.ts";
import { contractBody, type JournalHarness, journalContract, journalEvent, mailCommit } from "../journal-contract.ts";
import { openClusterJournal } from "./cluster-journal.ts";
import { type FanOutOptions, runFanOut } from "./fan-out.ts";

const clock = { now: () => Date.UTC(2026, 10, 24) };
const isPartName = (stream: string) => stream.slice(stream.indexOf("-")).includes(".");

type Stores = Pick<FanOutOptions, "events" | "bodies" | "position">;

/** Runs the fan-out until every transaction accepted so far has been spread and released. */
function background(stores: Stores): { settle(): Promise<void>; stop(): Promise<void> } {
  const abort = new AbortController();
  let at = startOfLog;
  const position = {
    load: stores.position.load,
    save: async (reached: Position) => {
      at = reached;
      await stores.position.save(reached);
    },
  };
  const running = runFanOut({ ...stores, position, signal: abort.signal, noteEveryMs: 0 });
  running.catch(() => undefined);
  const settle = async () => {
    let last = startOfLog;
    for await (const event of stores.events.readAll({ filter: { streamPrefixes: ["intake-"] } })) last = event.position;
    for (const end = performance.now() + 10_000; at < last; ) {
      if (performance.now() > end) assert.fail(`the fan-out stays at ${at}, before ${last}`);
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 10))]);
    }
  };
  const stop = async () => {
    abort.abort();
    await running;
  };
  return { settle, stop };
}

function keepInMemory(): FanOutOptions["position"] & { at: Position } {
  const keeper = {
    at: startOfLog,
    load: async () => keeper.at,
    save: async (position: Position) => {
      keeper.at = position;
    },
  };
  return keeper;
}

async function overMemory(): Promise<JournalHarness> {
  const events = await openMemoryEventStore({ codec: plainCodec, clock });
  const bodies = openMemoryBodies();
  const fanOut = background({ events, bodies, position: keepInMemory() });
  const journal = openClusterJournal({ events, bodies, clock });
  const close = async () => {
    await fanOut.stop();
    await journal.close();
  };
  return { journal, settle: fanOut.settle, close };
}

async function overKurrent(): Promise<JournalHarness> {
  const server = await startKurrentDouble();
  const connectionString = `kurrentdb://127.0.0.1:${server.port}?tls=false`;
  const events = await openKurrentEventStore({ connectionString, codec: plainCodec, clock, idleMs: 30 });
  const bodies = openMemoryBodies();
  const fanOut = background({ events, bodies, position: events.fanOutPosition });
  const journal = openClusterJournal({ events, bodies, clock });
  const close = async () => {
    await fanOut.stop();
    await journal.close();
    await server.close();
  };
  return { journal, settle: fanOut.settle, close };
}

const abilities = { expectsAcrossStreams: false, conflictLeavesNoBody: false };
journalContract("cluster, over memory", overMemory, abilities);
journalContract("cluster, over the KurrentDB double", overKurrent, abilities);

describe("cluster journal", () => {
  test("bodies are durable before any event names them", async () => {
    const events = await openMemoryEventStore({ codec: plainCodec, clock });
    const bodies = { ...openMemoryBodies(), write: () => Promise.reject(new Error("disk full")) };
    const journal = openClusterJournal({ events, bodies, clock });
    await assert.rejects(journal.commit(mailCommit(["a", "b"])), /disk full/);
    const head = await events.head();
    await assert.rejects(
      journal.commit({ ...mailCommit(["a"]), appends: mailCommit(["a"]).appends.slice(0, 1) }),
      /disk full/,
    );
    assert.equal(await events.head(), head);
    await journal.close();
  });

  test("a transaction larger than the server takes goes in parts and is whole again; without its last part it is nothing", async () => {
    const server = await startKurrentDouble();
    const connectionString = `kurrentdb://127.0.0.1:${server.port}?tls=false`;
    const events = await openKurrentEventStore({ connectionString, codec: plainCodec, clock, idleMs: 30 });
    const bodies = openMemoryBodies();
    const journal = openClusterJournal({ events, bodies, clock });
    const fanOut = background({ events, bodies, position: events.fanOutPosition });
    try {
      const text = "x".repeat(30_000);
      const appends = Array.from({ length: 80 }, (_, n) => ({
        stream: `mail-${n % 40}`,
        expected: "any" as const,
        events: [journalEvent("MessageDelivered", { deliveryId: randomUUID(), prefix: text, n })],
      }));
      const transactionId = "msg_large";
      assert.ok((await journal.commit({ transactionId, appends })).ok);
      assert.ok((await journal.commit({ transactionId, appends })).ok);
      const parts = new Set<string>();
      for await (const event of events.readAll({ filter: { streamPrefixes: ["intake-"] } })) parts.add(event.stream);
      assert.ok(parts.size >= 3 && [...parts].filter((stream) => !isPartName(stream)).length === 1);
      await fanOut.settle();
      for (let n = 0; n < 40; n += 1) {
        const wanted = appends.filter(({ stream }) => stream === `mail-${n}`).map((append) => append.events[0]?.id);
        assert.deepEqual(
          (await readWholeStream(events, `mail-${n}`)).map(({ id }) => id),
          wanted,
        );
      }
      const orphan = journalEvent("MessageAccepted", {
        transactionId: "msg_cut",
        appends: [{ stream: "mail-z", events: [] }],
        bodies: [],
      });
      await events.append({ stream: "intake-msg_cut.1", expected: "none", events: [orphan] });
      await journal.commit(mailCommit(["a", "b"]));
      await fanOut.settle();
      assert.deepEqual(await readWholeStream(events, "mail-z"), []);
    } finally {
      await fanOut.stop();
      await journal.close();
      await server.close();
    }
  });

  test("with the catalogue's codec: log, intake and spread events all keep their schemas", async () => {
    const sealer: Sealer = {
      seal: () => assert.fail("nothing here is personal"),
      open: () => undefined,
      blindIndex: (_purpose, value) => value,
    };
    const server = await startKurrentDouble();
    const connectionString = `kurrentdb://127.0.0.1:${server.port}?tls=false`;
    const events = await openKurrentEventStore({
      connectionString,
      codec: createEventCodec(sealer),
      clock,
      idleMs: 30,
    });
    const bodies = openMemoryBodies();
    const journal = openClusterJournal({ events, bodies, clock });
    const fanOut = background({ events, bodies, position: events.fanOutPosition });
    const { ref, bytes } = contractBody(10, newId("tenant"));
    const transactionId = newId("message");
    const delivered = (mailbox: string) => {
      const data = { folder: "INBOX", body: ref, prefix: "", sizeBytes: 10, internalDate: 0, flags: [], transactionId };
      const event = journalEvent("MessageDelivered", { ...data, deliveryId: randomUUID() });
      return { stream: `mail-${mailbox}`, expected: "any", events: [event] } as const;
    };
    const appends = [delivered(newId("mailbox")), delivered(newId("mailbox"))];
    try {
      assert.ok((await journal.commit({ transactionId, bodies: [{ ref, bytes }], appends })).ok);
      await fanOut.settle();
      for (const { stream, events: wanted } of appends) {
        const [found] = await readWholeStream(events, stream);
        assert.deepEqual([found?.id, found?.type, found?.data], [wanted[0]?.id, "MessageDelivered", wanted[0]?.data]);
      }
    } finally {
      await fanOut.stop();
      await journal.close();
      await server.close();
    }
  });

  test("the transaction's own hold goes when its recipients hold", async () => {
    const harness = await overMemory();
    const bodies = harness.journal.bodies as ReturnType<typeof openMemoryBodies>;
    const body = contractBody();
    const commit = mailCommit(["a", "b"], body);
    await harness.journal.commit(commit);
    await harness.settle();
    assert.deepEqual([...bodies.holders.keys()].sort(), ["mail-a", "mail-b"]);
    assert.equal(
      [...(bodies.holders.get("mail-a") ?? [])][0],
      `ten_a/${createHash("sha256").update(body.bytes).digest("hex")}`,
    );
    await harness.close();
  });
});
