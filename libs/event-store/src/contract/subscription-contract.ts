import assert from "node:assert/strict";
import { test } from "node:test";
import type { Position } from "@mailfold/kernel";
import type { SubscriptionMessage } from "../port.ts";
import { EventStoreFault } from "../port.ts";
import type { ContractTools } from "./contract-fixtures.ts";
import { appendOk, collect, eventsIn, numberOf, numbersOf, several, takeUntil, upTo } from "./contract-fixtures.ts";

/** What every adapter promises of subscriptions. */
export function subscriptionContract({ makeStore, withStore }: ContractTools): void {
  test("a subscription catches up and goes live without gap or repeat while others append", () =>
    withStore(async (store) => {
      const total = 1_500;
      await appendOk(store, { stream: "mail-s", expected: "any", events: several(700) });
      const appending = (async () => {
        for (let n = 700; n < total; n += 20) {
          await store.append({ stream: "mail-s", expected: "any", events: several(20, "ThingHappened", n) });
          if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
      })();
      const messages = await takeUntil(store, { filter: { streamPrefixes: ["mail-"] }, bufferMax: 64 }, (taken) =>
        eventsIn(taken.slice(-1)).some((event) => numberOf(event) === total - 1),
      );
      await appending;
      assert.deepEqual(numbersOf(eventsIn(messages)), upTo(total));
      const positions = messages.flatMap((message) =>
        message.type === "event" ? [message.event.position] : [message.position],
      );
      assert.deepEqual(positions, [...positions].sort(), "positions never go back");
    }));

  test("a live subscription says caughtUp once and is told of a later append at once", () =>
    withStore(async (store) => {
      await appendOk(store, { stream: "tenant-a", expected: "none", events: several(3) });
      let wroteAt = 0;
      let heardAt = 0;
      const messages = await takeUntil(store, {}, (taken) => {
        const last = taken.at(-1);
        if (last?.type === "caughtUp" && wroteAt === 0) {
          wroteAt = performance.now();
          void store.append({ stream: "tenant-a", expected: 2, events: several(1, "Live") });
        }
        if (last?.type !== "event" || last.event.type !== "Live") return false;
        heardAt = performance.now();
        return true;
      });
      assert.equal(messages.filter(({ type }) => type === "caughtUp").length, 1);
      assert.equal(eventsIn(messages).length, 5);
      assert.ok(heardAt - wroteAt < 2_000, `${heardAt - wroteAt} ms`);
    }));

  test("a subscription resumes after any position it was given", () =>
    withStore(async (store) => {
      await appendOk(store, { stream: "tenant-a", expected: "none", events: several(50) });
      const all = await collect(store.readAll());
      for (const index of [0, 1, 25, 49]) {
        const after = all[index]?.position as Position;
        const messages = await takeUntil(store, { after }, (taken) => taken.at(-1)?.type === "caughtUp");
        assert.deepEqual(eventsIn(messages), all.slice(index + 1));
      }
    }));

  test("checkpoints move past events that the filter leaves out", () =>
    withStore(async (store) => {
      await appendOk(store, { stream: "mail-a", expected: "any", events: several(100) });
      const last = await appendOk(store, { stream: "mail-b", expected: "any", events: several(1) });
      const messages = await takeUntil(store, { filter: { types: ["Unheard"] } }, (taken) =>
        taken.some((m) => m.type === "checkpoint" && m.position >= last.position),
      );
      assert.deepEqual(eventsIn(messages), []);
    }));

  test("a slow consumer gets everything, and the store's memory does not grow with it", () =>
    withStore(async (store) => {
      const controller = new AbortController();
      const subscription = store
        .subscribe({ bufferMax: 16, filter: { streamPrefixes: ["mail-"] }, signal: controller.signal })
        [Symbol.asyncIterator]();
      const pull = async (): Promise<SubscriptionMessage> => {
        const { value, done } = await subscription.next();
        assert.notEqual(done, true);
        return value as SubscriptionMessage;
      };
      while ((await pull()).type !== "caughtUp");
      // Pulls nothing while much more than its buffer arrives.
      for (let n = 0; n < 600; n += 100) {
        await appendOk(store, { stream: "mail-a", expected: "any", events: several(100, "ThingHappened", n) });
      }
      const seen: number[] = [];
      let fellBehind = false;
      while (seen.length < 600) {
        const message = await pull();
        if (message.type === "event") seen.push(numberOf(message.event));
        fellBehind ||= message.type === "fellBehind";
      }
      assert.deepEqual(seen, upTo(600));
      assert.ok(fellBehind, "it is told that it fell behind");
      controller.abort();
      await subscription.return?.(undefined);
    }));

  test("an aborted subscription ends, also while it waits", () =>
    withStore(async (store) => {
      const controller = new AbortController();
      let caughtUp = false;
      for await (const message of store.subscribe({ signal: controller.signal })) {
        if (message.type !== "caughtUp") continue;
        caughtUp = true;
        setTimeout(() => controller.abort(), 5);
      }
      assert.ok(caughtUp);
      for await (const message of store.subscribe({ signal: AbortSignal.abort() })) assert.fail(message.type);
    }));

  test("closing ends subscriptions and refuses later appends", async () => {
    const { store, close } = await makeStore();
    const running = (async () => {
      for await (const message of store.subscribe()) if (message.type === "caughtUp") void close();
    })();
    await running;
    await close();
    await assert.rejects(
      async () => store.append({ stream: "tenant-a", expected: "any", events: several(1) }),
      (error) => error instanceof EventStoreFault && error.kind === "closed",
    );
  });
}
