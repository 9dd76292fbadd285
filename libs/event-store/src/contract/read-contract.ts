import assert from "node:assert/strict";
import { test } from "node:test";
import type { Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { EventStore } from "../port.ts";
import { readWholeStream } from "../port.ts";
import type { ContractTools } from "./contract-fixtures.ts";
import { appendOk, collect, contractEvent, dayMs, numbersOf, several, today, upTo } from "./contract-fixtures.ts";

/** What every adapter promises of reading, expiry, deletion and reopening. */
export function readContract({ can, withStore }: ContractTools): void {
  test("a new log has an epoch that its first event names", () =>
    withStore(async (store) => {
      const [first] = await collect(store.readAll({ limit: 1 }));
      assert.equal(first?.type, "LogCreated");
      assert.equal(first?.stream, "platform-log");
      assert.equal((first?.data as { epoch: string } | undefined)?.epoch, await store.epoch());
      assert.equal(await store.head(), first?.position);
    }));

  test("reads a stream both ways, from a revision, limited", () =>
    withStore(async (store) => {
      for (const start of [0, 400, 800]) {
        await appendOk(store, { stream: "mail-long", expected: "any", events: several(400, "Numbered", start) });
      }
      const read = async (options: Parameters<EventStore["readStream"]>[1]): Promise<number[]> =>
        numbersOf(await collect(store.readStream("mail-long", options)));
      assert.deepEqual(await read({}), upTo(1_200));
      assert.deepEqual(await read({ direction: "backwards" }), upTo(1_200).reverse());
      assert.deepEqual(await read({ from: 1_190 }), upTo(1_200).slice(1_190));
      assert.deepEqual(await read({ from: 5, direction: "backwards" }), [5, 4, 3, 2, 1, 0]);
      assert.deepEqual(await read({ from: 510, limit: 3 }), [510, 511, 512]);
      assert.deepEqual(await read({ direction: "backwards", limit: 2 }), [1_199, 1_198]);
      assert.deepEqual(await read({ from: 5_000 }), []);
      assert.deepEqual(await collect(store.readStream("mail-missing")), []);
    }));

  test("reads all both ways, after a position, filtered by stream prefix and type", () =>
    withStore(async (store) => {
      const start = await store.head();
      for (const n of upTo(60)) {
        const stream = ["tenant-a", "mail-a", "verdict-platform.20261124", "mail-b"][n % 4] ?? "";
        const events = [contractEvent(n % 3 === 0 ? "Third" : "Other", { n })];
        await appendOk(store, { stream, expected: "any", events });
      }
      const read = async (options: Parameters<EventStore["readAll"]>[0]): Promise<number[]> =>
        numbersOf(await collect(store.readAll({ after: start, ...options })));
      assert.deepEqual(await read({}), upTo(60));
      assert.deepEqual(
        await read({ filter: { streamPrefixes: ["mail-"] } }),
        upTo(60).filter((n) => n % 2 === 1),
      );
      assert.deepEqual(
        await read({ filter: { streamPrefixes: ["mail-b", "ten"] } }),
        upTo(60).filter((n) => n % 4 === 3 || n % 4 === 0),
      );
      assert.deepEqual(
        await read({ filter: { types: ["Third"] } }),
        upTo(60).filter((n) => n % 3 === 0),
      );
      const both = { streamPrefixes: ["verdict-"], types: ["Third"] };
      assert.deepEqual(
        await read({ filter: both }),
        upTo(60).filter((n) => n % 12 === 6),
      );
      assert.deepEqual(await read({ filter: both, limit: 2 }), [6, 18]);
      assert.deepEqual(await read({ filter: { types: ["Nothing"] } }), []);
      assert.deepEqual(await read({ filter: { types: [] } }), []);
      const all = await collect(store.readAll());
      const middle = all[20]?.position as Position;
      assert.deepEqual(await collect(store.readAll({ after: middle })), all.slice(21));
      assert.deepEqual(
        await collect(store.readAll({ after: middle, direction: "backwards" })),
        all.slice(0, 20).reverse(),
      );
      const backwards = await collect(store.readAll({ direction: "backwards", filter: both }));
      assert.deepEqual(
        numbersOf(backwards),
        upTo(60)
          .filter((n) => n % 12 === 6)
          .reverse(),
      );
      assert.deepEqual(numbersOf(await collect(store.readAll({ direction: "backwards", limit: 3 }))), [59, 58, 57]);
    }));

  test("distance tells how far apart two positions are", () =>
    withStore(async (store) => {
      const start = await store.head();
      const { position } = await appendOk(store, { stream: "tenant-a", expected: "none", events: several(30) });
      assert.equal(store.distance(position, position), 0);
      const distance = store.distance(start, position);
      if (can.distanceCounts) assert.equal(distance, 30);
      else assert.ok(distance > 0);
    }));

  test("expiry drops the traffic of past days, raises the floor, and leaves the rest", { skip: !can.expires }, () =>
    withStore(async (store) => {
      const old = today - 100 * dayMs;
      assert.equal(await store.floor("traffic"), startOfLog);
      const at = async (stream: string, when: number): Promise<Position> => {
        const events = [contractEvent("Seen", { n: 1 }, when), contractEvent("Seen", { n: 2 }, when)];
        return (await appendOk(store, { stream, expected: "any", events })).position;
      };
      const oldVerdict = `verdict-platform.${new Date(old).toISOString().slice(0, 10).replaceAll("-", "")}`;
      await at("tenant-a", old);
      await at("mail-a", old);
      const lastOld = await at(oldVerdict, old);
      await at("verdict-platform.20261124", today);
      await at("tenant-a", today);
      assert.equal(await store.expire("traffic", today - 90 * dayMs), 2);
      assert.deepEqual(await readWholeStream(store, oldVerdict), []);
      const floor = await store.floor("traffic");
      assert.ok(floor > lastOld || floor === lastOld, `${floor} ${lastOld}`);
      assert.equal(await store.floor("record"), startOfLog);
      const left = (await collect(store.readAll())).filter(({ type }) => type === "Seen");
      assert.deepEqual(
        left.map(({ stream }) => stream),
        [
          "tenant-a",
          "tenant-a",
          "mail-a",
          "mail-a",
          "verdict-platform.20261124",
          "verdict-platform.20261124",
          "tenant-a",
          "tenant-a",
        ],
      );
      assert.equal(await store.expire("traffic", today - 90 * dayMs), 0);
      assert.equal(await store.expire("record", today + dayMs), 0);
      await at(oldVerdict, today);
    }),
  );

  test("deleted streams are gone, others stay, and the name can be used again", { skip: !can.deletesStreams }, () =>
    withStore(async (store) => {
      for (const stream of ["mail-a", "mail-b"]) {
        await appendOk(store, { stream, expected: "any", events: several(50) });
      }
      const head = await store.head();
      await store.deleteStreams(["mail-a", "mail-missing"]);
      assert.deepEqual(await readWholeStream(store, "mail-a"), []);
      assert.equal((await readWholeStream(store, "mail-b")).length, 50);
      const again = await appendOk(store, { stream: "mail-a", expected: "any", events: several(1) });
      assert.ok(again.position > head, "no position is given twice");
    }),
  );

  test("everything is there after the log is opened again", () =>
    withStore(async (store, { reopen }) => {
      if (reopen === undefined) return;
      await appendOk(store, { stream: "tenant-a", expected: "none", events: several(3) });
      await appendOk(store, { stream: "mail-a", expected: "any", events: several(3) });
      const before = await collect(store.readAll());
      const epoch = await store.epoch();
      const head = await store.head();
      const again = await reopen();
      assert.deepEqual(await collect(again.readAll()), before);
      assert.equal(await again.epoch(), epoch);
      assert.equal(await again.head(), head);
      const next = await appendOk(again, { stream: "tenant-a", expected: 2, events: several(1) });
      assert.ok(next.position > head);
    }));
}
