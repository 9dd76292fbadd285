import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventStoreFault } from "../port.ts";
import { event, ids, kurrentWorld, until } from "./kurrent-test-world.ts";

describe("kurrentdb: appends of unknown outcome", () => {
  const { double, store } = kurrentWorld();

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
