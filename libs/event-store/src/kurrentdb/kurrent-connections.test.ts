import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { type EventStoreFault, readWholeStream } from "../port.ts";
import { openKurrentEventStore } from "./kurrent-event-store.ts";
import { clock, event, ids, kurrentWorld, until } from "./kurrent-test-world.ts";

describe("kurrentdb: connections", () => {
  const { double, store, follow } = kurrentWorld();

  test("200 appends at once survive three cuts and a restart: each is there once, in no stream twice", async () => {
    const server = await double();
    const log = await store(server, { appendTimeoutMs: 2_000, appendBudgetMs: 20_000 });
    const sent = Array.from({ length: 200 }, (_, n) => ({
      stream: `mail-${n % 7}`,
      expected: "any" as const,
      events: [event()],
    }));
    const appending = Promise.all(sent.map((append) => log.append(append)));
    for (let n = 0; n < 3; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      server.wire.cut();
    }
    await server.stop();
    server.log.forgetRecentIds();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await server.start();
    for (const result of await appending) assert.ok(result.ok);
    const found: string[] = [];
    for (let n = 0; n < 7; n += 1) found.push(...(await ids(log, `mail-${n}`)));
    assert.deepEqual(found.sort(), sent.map((append) => append.events[0]?.id).sort());
  });

  test("a subscription goes on over cuts and a restart without gap or repeat, and says that it fell behind", async () => {
    const server = await double();
    const log = await store(server, { appendTimeoutMs: 2_000, appendBudgetMs: 20_000 });
    const follower = follow(log, { filter: { streamPrefixes: ["tenant-"] } });
    const sent: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      const one = event();
      sent.push(one.id);
      await log.append({ stream: `tenant-${n % 3}`, expected: "any", events: [one] });
      if (n === 20 || n === 40) server.wire.cut();
      if (n === 50) {
        await server.stop();
        await server.start();
      }
    }
    await until(() => follower.events().length >= sent.length);
    assert.deepEqual(follower.events(), sent);
    assert.ok(follower.seen.some((message) => message.type === "fellBehind"));
    await until(
      () =>
        follower.seen.findLastIndex((m) => m.type === "caughtUp") >
        follower.seen.findLastIndex((m) => m.type === "fellBehind"),
    );
  });

  test("a subscription that the server forgets is opened anew", async () => {
    const server = await double();
    const log = await store(server, { silenceMs: 200, readTimeoutMs: 200 });
    const follower = follow(log);
    await until(() => follower.seen.some((message) => message.type === "caughtUp"));
    server.faults.readsStall = true;
    const one = event();
    await log.append({ stream: "tenant-a", expected: "any", events: [one] });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(follower.events().includes(one.id), false);
    server.faults.readsStall = false;
    await until(() => follower.events().includes(one.id));
  });

  test("a stalled network: append and read fail in time, then work again", async () => {
    const server = await double();
    const log = await store(server, { appendBudgetMs: 300, appendTimeoutMs: 100, readTimeoutMs: 60 });
    server.wire.stall();
    await assert.rejects(log.append({ stream: "tenant-a", expected: "any", events: [event()] }), /did not answer/);
    await assert.rejects(readWholeStream(log, "tenant-a"), /did not answer/);
    server.wire.resume();
    assert.ok((await log.append({ stream: "tenant-b", expected: "any", events: [event()] })).ok);
  });

  test("appends follow the leader when the connected node is none", async () => {
    const leader = await double();
    const follower = await double({ log: leader.log, leaderPort: leader.port });
    const log = await store(follower);
    assert.ok((await log.append({ stream: "tenant-a", expected: "none", events: [event()] })).ok);
    assert.ok(leader.faults.appendCalls > 0);
  });

  test("several hosts: the cluster is asked for its leader", async () => {
    const leader = await double();
    const follower = await double({ log: leader.log, leaderPort: leader.port });
    const connectionString = `esdb://127.0.0.1:${follower.port},127.0.0.1:${leader.port}?tls=false`;
    const log = await store(leader, { connectionString });
    assert.ok((await log.append({ stream: "tenant-a", expected: "none", events: [event()] })).ok);
    assert.equal(follower.faults.appendCalls, 0);
  });

  test("nobody there: one fault in time, without the password", async () => {
    const opening = openKurrentEventStore({
      connectionString: "kurrentdb://admin:s3cret@127.0.0.1:9?tls=false",
      codec: plainCodec,
      clock,
      readTimeoutMs: 300,
    });
    await assert.rejects(opening, (fault: EventStoreFault) => {
      assert.equal(fault.kind, "unavailable");
      assert.match(fault.message, /127\.0\.0\.1:9/);
      assert.doesNotMatch(`${fault.message} ${fault.stack}`, /s3cret/);
      return true;
    });
  });
});
