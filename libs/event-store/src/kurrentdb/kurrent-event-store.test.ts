import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Position } from "@mailfold/kernel";
import { EventStoreFault, readWholeStream } from "../port.ts";
import { StreamRemovedFault } from "./kurrent-fault.ts";
import { event, ids, kurrentWorld, until } from "./kurrent-test-world.ts";

describe("kurrentdb: the log", () => {
  const { double, store, follow } = kurrentWorld();

  test("one epoch, also when two nodes open an empty log at once; it stays over a restart", async () => {
    const server = await double();
    const logs = await Promise.all([store(server), store(server)]);
    const epochs = await Promise.all(logs.map((log) => log.epoch()));
    assert.equal(epochs[0], epochs[1]);
    assert.equal((await ids(logs[0], "platform-log")).length, 1);
    assert.equal(await (await store(server)).epoch(), epochs[0]);
  });

  test("replayed is told for a retry by number and by any", async () => {
    const log = await store(await double());
    const numeric = { stream: "tenant-a", expected: "none", events: [event(), event()] } as const;
    const any = { stream: "tenant-b", expected: "any", events: [event()] } as const;
    for (const append of [numeric, any]) {
      const first = await log.append(append);
      const again = await log.append(append);
      assert.deepEqual(again, { ...first, replayed: true });
    }
  });

  test("positions order as strings over digits of any length", async () => {
    const server = await double();
    const log = await store(server);
    const positions: Position[] = [];
    for (let n = 0; n < 30; n += 1) {
      const result = await log.append({
        stream: "tenant-a",
        expected: "any",
        events: [event("Big", { data: "x".repeat(n * 40) })],
      });
      if (result.ok) positions.push(result.position);
    }
    assert.deepEqual(positions, [...positions].sort());
    assert.equal(log.distance(positions[0]!, positions[0]!), 0);
    assert.ok(log.distance(positions[0]!, positions.at(-1)!) > 0);
  });

  test("a filtered subscription tells how far it is though nothing matches", async () => {
    const log = await store(await double());
    const follower = follow(log, { filter: { types: ["DomainAdded"] } });
    const result = await log.append({ stream: "tenant-a", expected: "any", events: [event()] });
    assert.ok(result.ok);
    await until(() => follower.seen.some((message) => message.type !== "event" && message.position >= result.position));
    assert.deepEqual(follower.events(), []);
  });

  test("neither the server's own events nor the adapter's notes are seen", async () => {
    const server = await double();
    const log = await store(server);
    await log.fanOutPosition.save("p1" as Position);
    await log.fanOutPosition.save("p2" as Position);
    assert.equal(await log.fanOutPosition.load(), "p2");
    assert.ok(server.log.all.some((raw) => raw.stream === "$$platform-fanout"));
    const streams: string[] = [];
    for await (const one of log.readAll()) streams.push(one.stream);
    assert.deepEqual(streams, ["platform-log"]);
    const follower = follow(log);
    await until(() => follower.seen.some((message) => message.type === "caughtUp"));
    assert.equal(follower.events().length, 1);
  });

  test("an append that is too large is refused and not retried; the log goes on", async () => {
    const server = await double({ appendSizeMax: 1_000 });
    const log = await store(server);
    const calls = server.faults.appendCalls;
    const big = event("Big", { data: "x".repeat(2_000) });
    await assert.rejects(log.append({ stream: "tenant-a", expected: "any", events: [big] }), /refused the size/);
    assert.equal(server.faults.appendCalls, calls + 1);
    assert.ok((await log.append({ stream: "tenant-a", expected: "any", events: [event()] })).ok);
  });

  test("a full line is overloaded, not memory", async () => {
    const server = await double();
    const log = await store(server, { appendsInFlightMax: 1, appendsWaitingMax: 2 });
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => log.append({ stream: "tenant-a", expected: "any", events: [event()] })),
    );
    const faults = results.flatMap((result) => (result.status === "rejected" ? [result.reason.kind] : []));
    assert.deepEqual(faults, ["overloaded", "overloaded", "overloaded"]);
  });

  test("a stream that an operator tombstoned is empty and takes nothing any more", async () => {
    const server = await double();
    const log = await store(server);
    await log.append({ stream: "mail-a", expected: "none", events: [event()] });
    server.log.tombstone("mail-a");
    assert.deepEqual(await ids(log, "mail-a"), []);
    const late = log.append({ stream: "mail-a", expected: "any", events: [event()] });
    await assert.rejects(late, (fault) => fault instanceof StreamRemovedFault && fault.kind === "fatal");
  });

  test("closed: appends, reads and subscriptions end", async () => {
    const log = await store(await double());
    const follower = follow(log);
    await until(() => follower.seen.some((message) => message.type === "caughtUp"));
    await log.close();
    await follower.done;
    const closed = (fault: unknown) => fault instanceof EventStoreFault && fault.kind === "closed";
    await assert.rejects(log.append({ stream: "tenant-a", expected: "any", events: [event()] }), closed);
    await assert.rejects(readWholeStream(log, "tenant-a"), closed);
  });

  test("a cursor of another log is refused", async () => {
    const log = await store(await double());
    await assert.rejects(async () => {
      for await (const _ of log.readAll({ after: "0000000000000042" as Position }));
    }, /not a position of this log/);
  });
});
