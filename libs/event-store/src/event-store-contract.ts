import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import type { EventCodec } from "@mailfold/events";
import type { NewEvent, Position, RecordedEvent } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { EventStore, SubscribeOptions, SubscriptionMessage } from "./port.ts";
import { EventStoreFault, readWholeStream } from "./port.ts";

/** A store under test. */
export interface StoreHarness {
  readonly store: EventStore;
  /** Closes the store and opens the same log again. */
  readonly reopen?: () => Promise<EventStore>;
  /** Makes the adapter lose the answer of the next append after it was written (the adapter retries or throws). */
  readonly loseNextAnswer?: () => void;
  readonly close: () => Promise<void>;
}

/** What an adapter does not do, or does only so far. All true by default. */
export interface StoreAbilities {
  /** Retries with `any` are recognised too. */
  readonly replaysAny?: boolean;
  /** Traffic of past days can be dropped. */
  readonly expires?: boolean;
  readonly deletesStreams?: boolean;
  /** `distance` counts events; otherwise it only grows with them. */
  readonly distanceCounts?: boolean;
}

/** JSON as it is, version 1 of every type: a codec for tests of stores. */
export const contractCodec: EventCodec = {
  encode: (_stream, event) => ({
    id: event.id,
    wireType: `${event.type}.v1`,
    occurredAt: event.occurredAt,
    data: JSON.stringify(event.data),
    metadata: JSON.stringify(event.metadata),
  }),
  decode: ({ wireType, data, metadata, ...place }) => ({
    id: place.id,
    type: wireType.slice(0, wireType.lastIndexOf(".v")),
    stream: place.stream,
    revision: place.revision,
    position: place.position,
    occurredAt: place.occurredAt,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
  }),
  wireTypes: (types) => types.map((type) => `${type}.v1`),
  nameOf: (wireType) => wireType.slice(0, wireType.lastIndexOf(".v")),
};

const dayMs = 86_400_000;
const today = Date.UTC(2026, 10, 24, 12);

/** An event for tests of stores. */
export function contractEvent(type: string, data: unknown = {}, occurredAt = today): NewEvent {
  const metadata = { actor: { type: "system", id: "contract" } } as const;
  return { id: randomUUID(), type, data, metadata, occurredAt };
}

function several(count: number, type = "ThingHappened", start = 0): NewEvent[] {
  return Array.from({ length: count }, (_, index) => contractEvent(type, { n: start + index }));
}

async function collect(source: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
}

const numberOf = (event: RecordedEvent): number => (event.data as { n: number }).n;
const numbersOf = (events: readonly RecordedEvent[]): number[] => events.map(numberOf);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Takes messages until one satisfies; fails when none does in time. */
async function takeUntil(
  store: EventStore,
  options: Omit<SubscribeOptions, "signal">,
  enough: (messages: readonly SubscriptionMessage[]) => boolean,
): Promise<SubscriptionMessage[]> {
  const messages: SubscriptionMessage[] = [];
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), 10_000);
  try {
    for await (const message of store.subscribe({ ...options, signal: deadline.signal })) {
      messages.push(message);
      if (enough(messages)) return messages;
    }
  } finally {
    clearTimeout(timer);
  }
  assert.fail(`the subscription ended or stalled after ${messages.length} messages`);
}

const eventsIn = (messages: readonly SubscriptionMessage[]): RecordedEvent[] =>
  messages.flatMap((message) => (message.type === "event" ? [message.event] : []));

/** What every adapter of the log promises, as tests. */
export function eventStoreContract(
  name: string,
  makeStore: () => Promise<StoreHarness>,
  abilities: StoreAbilities = {},
): void {
  const can = { replaysAny: true, expires: true, deletesStreams: true, distanceCounts: true, ...abilities };

  async function withStore(work: (store: EventStore, harness: StoreHarness) => Promise<void>): Promise<void> {
    const harness = await makeStore();
    try {
      await work(harness.store, harness);
    } finally {
      await harness.close();
    }
  }

  async function appendOk(store: EventStore, ...appends: Parameters<EventStore["append"]>) {
    const result = await store.append(...appends);
    assert.equal(result.ok, true, JSON.stringify(result));
    return result.ok ? result : assert.fail();
  }

  describe(`event store: ${name}`, () => {
    test("a new log has an epoch that its first event names", () =>
      withStore(async (store) => {
        const [first] = await collect(store.readAll({ limit: 1 }));
        assert.equal(first?.type, "LogCreated");
        assert.equal(first?.stream, "platform-log");
        assert.equal((first?.data as { epoch: string } | undefined)?.epoch, await store.epoch());
        assert.equal(await store.head(), first?.position);
      }));

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
          upTo(20).map((n) =>
            store.append({ stream: "tenant-race", expected: "none", events: several(1, "Raced", n) }),
          ),
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
  });
}
