import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterEach, describe, test } from "node:test";
import type { NewEvent, Position } from "@mailfold/kernel";
import { type KurrentDouble, startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { EventStoreFault, readWholeStream, type SubscriptionMessage } from "../port.ts";
import { type KurrentEventStore, type KurrentOptions, openKurrentEventStore } from "./kurrent-event-store.ts";
import { StreamRemovedFault } from "./kurrent-fault.ts";

const clock = { now: () => Date.UTC(2026, 10, 24) };
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function double(options: Parameters<typeof startKurrentDouble>[0] = {}): Promise<KurrentDouble> {
  const server = await startKurrentDouble(options);
  open.push(server);
  return server;
}

async function store(server: KurrentDouble, options: Partial<KurrentOptions> = {}): Promise<KurrentEventStore> {
  const connectionString = `kurrentdb://127.0.0.1:${server.port}?tls=false`;
  const opened = await openKurrentEventStore({
    connectionString,
    codec: plainCodec,
    clock,
    appendTimeoutMs: 150,
    appendBudgetMs: 8_000,
    idleMs: 40,
    ...options,
  });
  open.push(opened);
  return opened;
}

function event(type = "TenantCreated", more: Partial<NewEvent> = {}): NewEvent {
  const actor = { type: "system", id: "test" } as const;
  return { id: randomUUID(), type, data: { n: 1 }, metadata: { actor }, occurredAt: clock.now(), ...more };
}

async function ids(log: KurrentEventStore, stream: string): Promise<string[]> {
  return (await readWholeStream(log, stream)).map((found) => found.id);
}

async function until(condition: () => boolean, waitMs = 5_000): Promise<void> {
  for (const end = performance.now() + waitMs; !condition(); ) {
    if (performance.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Follows in the background; `seen` grows. */
function follow(log: KurrentEventStore, options: Parameters<KurrentEventStore["subscribe"]>[0] = {}) {
  const abort = new AbortController();
  const seen: SubscriptionMessage[] = [];
  const done = (async () => {
    for await (const message of log.subscribe({ ...options, signal: abort.signal })) seen.push(message);
  })();
  const close = async () => {
    abort.abort();
    await done;
  };
  open.push({ close });
  const events = () => seen.flatMap((message) => (message.type === "event" ? [message.event.id] : []));
  return { seen, events, abort, done };
}

describe("kurrentdb: appends of unknown outcome", () => {
  for (const fault of [
    "lostAnswer",
    "unavailableAfterWrite",
    "unavailableBeforeWrite",
    "stallBeforeWrite",
    "notReady",
    "timeoutAfterWrite",
  ] as const) {
    for (const expected of ["none", "any", 0] as const) {
      test(`${fault}, expected ${expected}: written once`, async () => {
        const server = await double();
        const log = await store(server);
        const first = event();
        if (expected === 0) await log.append({ stream: "tenant-a", expected: "none", events: [first] });
        server.faults.failAppend(fault, "tenant-a");
        server.log.forgetRecentIds();
        const events = [event(), event()];
        const result = await log.append({ stream: "tenant-a", expected, events });
        const before = expected === 0 ? 1 : 0;
        assert.ok(result.ok);
        assert.deepEqual(result.revisions, [before + 1]);
        assert.equal(result.replayed, false);
        assert.deepEqual(await ids(log, "tenant-a"), [...(before ? [first.id] : []), ...events.map((one) => one.id)]);
        assert.equal(result.position, await log.head());
      });
    }
  }

  test("any: the lost append is found behind others' later events, also when the server has forgotten its ids", async () => {
    const server = await double();
    const log = await store(server);
    const other = await store(server);
    server.faults.failAppend("lostAnswer", "mail-a");
    const mine = event();
    const pending = log.append({ stream: "mail-a", expected: "any", events: [mine] });
    await until(() => server.log.lastRevision("mail-a") === 0);
    server.log.forgetRecentIds();
    for (let n = 0; n < 250; n += 1) await other.append({ stream: "mail-a", expected: "any", events: [event()] });
    const result = await pending;
    assert.ok(result.ok);
    assert.deepEqual(result.revisions, [0]);
    assert.equal((await ids(log, "mail-a")).filter((id) => id === mine.id).length, 1);
  });

  test("gives up within its budget with a fault that may be retried, and the retry finds what was written", async () => {
    const server = await double();
    const log = await store(server, { appendBudgetMs: 500, appendTimeoutMs: 150 });
    for (let n = 0; n < 8; n += 1) server.faults.failAppend("lostAnswer", "tenant-a");
    const append = { stream: "tenant-a", expected: "none", events: [event()] } as const;
    await assert.rejects(log.append(append), (fault: EventStoreFault) => fault.kind === "unavailable");
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (; server.faults.takeAppendFault("tenant-a"); );
    const result = await log.append(append);
    assert.ok(result.ok);
    assert.deepEqual(await ids(log, "tenant-a"), [append.events[0].id]);
  });

  test("a large append that its deadline cuts short is written once and whole, whichever try it is", async () => {
    const server = await double();
    const log = await store(server, { appendTimeoutMs: 25, appendBudgetMs: 700 });
    const events = Array.from({ length: 400 }, (_, n) => event("Big", { data: { n, text: "x".repeat(400) } }));
    const result = await log
      .append({ stream: "mail-a", expected: "any", events })
      .catch((fault: EventStoreFault) => fault);
    const found = await ids(log, "mail-a");
    if (result instanceof EventStoreFault) assert.ok(found.length === 0 || found.length === 400);
    else
      assert.deepEqual(
        found,
        events.map(({ id }) => id),
      );
  });

  test("a conflict after an unknown outcome is a conflict: another writer was first", async () => {
    const server = await double();
    const log = await store(server);
    server.faults.failAppend("unavailableBeforeWrite", "tenant-a");
    const pending = log.append({ stream: "tenant-a", expected: "none", events: [event()] });
    const winner = event();
    await (await store(server)).append({ stream: "tenant-a", expected: "none", events: [winner] });
    const result = await pending;
    const kept = await ids(log, "tenant-a");
    assert.equal(kept.length, 1);
    assert.equal(result.ok, kept[0] !== winner.id);
  });
});

describe("kurrentdb: connections", () => {
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

describe("kurrentdb: the log", () => {
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
