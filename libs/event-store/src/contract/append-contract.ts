import assert from "node:assert/strict";
import { test } from "node:test";
import { startOfLog } from "@mailfold/kernel";
import { EventStoreFault, readWholeStream } from "../port.ts";
import type { ContractTools } from "./contract-fixtures.ts";
import { appendOk, collect, contractEvent, several, upTo } from "./contract-fixtures.ts";

/** What every adapter promises of appends. */
export function appendContract({ can, withStore }: ContractTools): void {
  test("appends with none, a revision, and any; reads back what was written", () =>
    withStore(async (store) => {
      const events = several(5);
      const first = await appendOk(store, { stream: "tenant-a", expected: "none", events: events.slice(0, 2) });
      assert.deepEqual(first.revisions, [1]);
      assert.equal(first.replayed, false);
      const second = await appendOk(store, { stream: "tenant-a", expected: 1, events: events.slice(2, 3) });
      assert.deepEqual(second.revisions, [2]);
      const third = await appendOk(store, { stream: "tenant-a", expected: "any", events: events.slice(3) });
      assert.deepEqual(third.revisions, [4]);
      assert.ok(first.position < second.position && second.position < third.position);
      assert.equal(await store.head(), third.position);
      const read = await readWholeStream(store, "tenant-a");
      for (const [index, event] of read.entries()) {
        const { position, revision, stream, ...rest } = event;
        assert.deepEqual(rest, { ...events[index] });
        assert.equal(stream, "tenant-a");
        assert.equal(revision, index);
        assert.ok(position > startOfLog);
      }
      assert.equal(read.length, 5);
      assert.equal(read.at(-1)?.position, third.position);
    }));

  test("text of every script and size survives", () =>
    withStore(async (store) => {
      const data = { text: 'Grüße 日本 \u{1f4ec} \\ " \u0000 \n\r\u2028 end', long: "x".repeat(300_000), empty: "" };
      await appendOk(store, { stream: "tenant-text", expected: "none", events: [contractEvent("Said", data)] });
      const [read] = await readWholeStream(store, "tenant-text");
      assert.deepEqual(read?.data, data);
    }));

  test("a wrong expectation is a value with the actual revision, and writes nothing", () =>
    withStore(async (store) => {
      await appendOk(store, { stream: "tenant-a", expected: "none", events: several(2) });
      const cases = [
        { stream: "tenant-a", expected: "none", actual: 1 },
        { stream: "tenant-a", expected: 0, actual: 1 },
        { stream: "tenant-a", expected: 7, actual: 1 },
        { stream: "tenant-b", expected: 0, actual: -1 },
      ] as const;
      for (const { stream, expected, actual } of cases) {
        const result = await store.append({ stream, expected, events: several(1) });
        assert.deepEqual(result, { ok: false, stream, expected, actual });
      }
      assert.equal((await readWholeStream(store, "tenant-a")).length, 2);
      assert.equal((await readWholeStream(store, "tenant-b")).length, 0);
    }));

  test("of many concurrent appends at one revision exactly one wins", () =>
    withStore(async (store) => {
      const results = await Promise.all(
        upTo(20).map((n) => store.append({ stream: "tenant-race", expected: "none", events: several(1, "Raced", n) })),
      );
      assert.equal(results.filter(({ ok }) => ok).length, 1);
      assert.equal((await readWholeStream(store, "tenant-race")).length, 1);
    }));

  test("the same ids at the same place are a replay: numeric expectations", () =>
    withStore(async (store) => {
      const events = several(3);
      const first = await appendOk(store, { stream: "tenant-a", expected: "none", events });
      await appendOk(store, { stream: "tenant-a", expected: 2, events: several(2) });
      const again = await appendOk(store, { stream: "tenant-a", expected: "none", events });
      assert.deepEqual(again, { ...first, replayed: true });
      const other = await store.append({ stream: "tenant-a", expected: "none", events: several(3) });
      assert.equal(other.ok, false);
      assert.equal((await readWholeStream(store, "tenant-a")).length, 5);
    }));

  test("the same ids again with any are a replay", { skip: !can.replaysAny }, () =>
    withStore(async (store) => {
      const append = { stream: "mail-a", expected: "any", events: several(3) } as const;
      const first = await appendOk(store, append);
      await appendOk(store, { stream: "mail-a", expected: "any", events: several(1) });
      assert.deepEqual(await appendOk(store, append), { ...first, replayed: true });
      assert.equal((await readWholeStream(store, "mail-a")).length, 4);
    }),
  );

  test("an append that was written but not answered is retried without a second copy", () =>
    withStore(async (store, { loseNextAnswer, reopen }) => {
      const append = { stream: "tenant-lost", expected: "none", events: several(2) } as const;
      loseNextAnswer?.();
      let current = store;
      try {
        await store.append(append);
      } catch (error) {
        assert.ok(error instanceof EventStoreFault);
      }
      // Even after a restart, when no memory of recent ids is left.
      if (reopen !== undefined) current = await reopen();
      const again = await appendOk(current, append);
      assert.equal(again.replayed, true);
      assert.deepEqual(again.revisions, [1]);
      assert.equal((await readWholeStream(current, "tenant-lost")).length, 2);
    }));

  test("several streams in one append: all or nothing where offered, else refused", () =>
    withStore(async (store) => {
      const appends = [
        { stream: "tenant-a", expected: "none", events: several(2) },
        { stream: "domain-a", expected: "none", events: several(1) },
        { stream: "mail-a", expected: "any", events: several(3) },
      ] as const;
      if (!store.appendsAtomically) {
        await assert.rejects(async () => store.append(appends));
        return;
      }
      const result = await appendOk(store, appends);
      assert.deepEqual(result.revisions, [1, 0, 2]);
      assert.deepEqual(await appendOk(store, appends), { ...result, replayed: true });
      const conflict = await store.append([
        { stream: "tenant-a", expected: 1, events: several(1) },
        { stream: "domain-a", expected: "none", events: several(1) },
      ]);
      assert.deepEqual(conflict, { ok: false, stream: "domain-a", expected: "none", actual: 0 });
      assert.equal((await readWholeStream(store, "tenant-a")).length, 2);
      const all = await collect(store.readAll());
      assert.equal(all.length, 1 + 6);
    }));
}
