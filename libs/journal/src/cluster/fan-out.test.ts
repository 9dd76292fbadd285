import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BlobStore } from "@mailfold/blob-store";
import type { Append, EventStore } from "@mailfold/event-store";
import { EventStoreFault, openKurrentEventStore, openMemoryEventStore, readWholeStream } from "@mailfold/event-store";
import type { Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import fc from "fast-check";
import { foldersFold, mailboxUsage } from "../../../../projections/folders/src/index.ts";
import { startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { openMemoryBodies } from "../../../../test/doubles/kurrentdb/memory-bodies.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { contractBody, journalEvent, mailCommit } from "../journal-contract.ts";
import { openClusterJournal } from "./cluster-journal.ts";
import { type FanOutProblem, runFanOut } from "./fan-out.ts";

const clock = { now: () => Date.UTC(2026, 10, 24) };
const mailboxes = ["mbx_a", "mbx_b"];

/** A log that knows nothing of earlier ids when it is asked with `any`: what a server is after a restart. */
function forgetful(store: EventStore): EventStore {
  const append = async (appends: Append | readonly Append[]) => {
    const list = "stream" in appends ? [appends] : appends;
    const asked = await Promise.all(
      list.map(async (one) => {
        if (one.expected !== "any") return one;
        const read = await readWholeStream(store, one.stream);
        return { ...one, expected: read.at(-1)?.revision ?? ("none" as const) };
      }),
    );
    return store.append(asked);
  };
  return Object.assign(Object.create(store) as EventStore, { ...bound(store), append });
}

function bound(store: EventStore): EventStore {
  return {
    appendsAtomically: store.appendsAtomically,
    append: (appends) => store.append(appends),
    readStream: (stream, options) => store.readStream(stream, options),
    readAll: (options) => store.readAll(options),
    subscribe: (options) => store.subscribe(options),
    head: () => store.head(),
    floor: (lifeClass) => store.floor(lifeClass),
    epoch: () => store.epoch(),
    distance: (from, to) => store.distance(from, to),
    expire: (lifeClass, olderThan) => store.expire(lifeClass, olderThan),
    deleteStreams: (streams) => store.deleteStreams(streams),
    close: () => store.close(),
  };
}

class Crash extends Error {}

/** Lets so many writing calls pass, then crashes before or after the next. */
class CrashPoint {
  left: number;
  readonly when: "before" | "after";
  hit = false;
  constructor(left: number, when: "before" | "after") {
    this.left = left;
    this.when = when;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.hit) throw new Crash();
    this.left -= 1;
    if (this.left >= 0) return call();
    this.hit = true;
    if (this.when === "after") await call();
    throw new Crash();
  }
}

interface World {
  readonly events: EventStore;
  readonly bodies: ReturnType<typeof openMemoryBodies>;
  place: Position;
}

async function worldWith(commits: readonly ReturnType<typeof mailCommit>[]): Promise<World> {
  const events = forgetful(await openMemoryEventStore({ codec: plainCodec, clock }));
  const bodies = openMemoryBodies();
  const journal = openClusterJournal({ events, bodies, clock });
  for (const commit of commits) await journal.commit(commit);
  return { events, bodies, place: startOfLog };
}

/** One life of the fan-out: until it has nothing left to do, or crashes. Answers whether it crashed. */
async function live(world: World, crash: CrashPoint, inFlightMax: number): Promise<boolean> {
  const { bodies } = world;
  const events: EventStore = {
    ...bound(world.events),
    append: (appends) => crash.pass(() => world.events.append(appends)),
  };
  const holding: BlobStore = {
    ...bodies,
    hold: (stream, refs) => crash.pass(async () => bodies.hold?.(stream, refs)),
    setHeld: (stream, refs) => crash.pass(() => bodies.setHeld(stream, refs)),
  };
  let last = startOfLog;
  for await (const event of events.readAll({ filter: { streamPrefixes: ["intake-"] } })) last = event.position;
  const abort = new AbortController();
  const position = {
    load: async () => world.place,
    save: (reached: Position) =>
      crash.pass(async () => {
        world.place = reached;
        if (reached >= last) abort.abort();
      }),
  };
  try {
    await runFanOut({ events, bodies: holding, position, signal: abort.signal, inFlightMax, noteEveryMs: 0 });
    return false;
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return true;
  }
}

async function assertExactlyOnce(world: World, commits: readonly ReturnType<typeof mailCommit>[]): Promise<void> {
  const streams = new Set(commits.flatMap(({ appends }) => appends.map(({ stream }) => stream)));
  for (const stream of streams) {
    const wanted = commits.flatMap(({ appends }) => appends.filter((one) => one.stream === stream));
    const ids = (await readWholeStream(world.events, stream)).map(({ id }) => id);
    assert.deepEqual(
      ids,
      wanted.flatMap(({ events }) => events.map(({ id }) => id)),
      stream,
    );
  }
  for (const mailbox of mailboxes) {
    let state = foldersFold.initial(mailbox, { restoredAt: 0 });
    const mails = await readWholeStream(world.events, `mail-${mailbox}`);
    for (const event of mails) state = foldersFold.apply(state, event).state;
    assert.equal(mailboxUsage(state).messages, commits.length);
  }
  assert.deepEqual(
    [...world.bodies.holders.keys()].filter((holder) => holder.startsWith("intake-")),
    [],
  );
}

/** Deliveries as the mail fold reads them. */
function mails(count: number): ReturnType<typeof mailCommit>[] {
  return Array.from({ length: count }, () => {
    const body = contractBody(50);
    const commit = mailCommit(mailboxes, body);
    const appends = commit.appends.map((append) => ({
      ...append,
      events: append.events.map((event) => {
        if (event.type !== "MessageDelivered") return event;
        const { sizeBytes } = body.ref;
        const data = { ...(event.data as object), folder: "INBOX", prefix: "", sizeBytes, internalDate: 0, flags: [] };
        return { ...event, data };
      }),
    }));
    return { ...commit, appends };
  });
}

describe("fan-out: crashes", () => {
  for (const inFlightMax of [1, 8]) {
    for (const when of ["before", "after"] as const) {
      test(`a crash ${when} any write, ${inFlightMax} at once: every event once, in order`, async () => {
        let crashes = 0;
        for (let writes = 0; ; writes += 1) {
          const commits = mails(3);
          const world = await worldWith(commits);
          const crashed = await live(world, new CrashPoint(writes, when), inFlightMax);
          if (crashed) {
            crashes += 1;
            assert.equal(await live(world, new CrashPoint(Number.POSITIVE_INFINITY, when), inFlightMax), false);
          }
          await assertExactlyOnce(world, commits);
          await world.events.close();
          if (!crashed) break;
        }
        assert.ok(crashes >= 3 * 6, `${crashes} crash points`);
      });
    }
  }

  test("any row of crashes, with other writers in the same mailboxes between them", async () => {
    const crash = fc.record({ writes: fc.nat(20), when: fc.constantFrom("before" as const, "after" as const) });
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { maxLength: 6 }), fc.constantFrom(1, 2, 8), async (crashes, inFlightMax) => {
        const commits = mails(4);
        const world = await worldWith(commits);
        for (const { writes, when } of crashes) {
          await live(world, new CrashPoint(writes, when), inFlightMax);
          const flags = journalEvent("FlagsChanged", {
            folderId: "fld_x",
            uids: "1",
            operation: "add",
            flags: ["\\Seen"],
          });
          await world.events.append({ stream: "mail-mbx_a", expected: "any", events: [flags] });
        }
        await live(world, new CrashPoint(Number.POSITIVE_INFINITY, "after"), inFlightMax);
        for (const mailbox of mailboxes) {
          const found = (await readWholeStream(world.events, `mail-${mailbox}`)).filter(
            ({ type }) => type === "MessageDelivered",
          );
          const wanted = commits.flatMap(({ appends }) => appends.filter(({ stream }) => stream === `mail-${mailbox}`));
          assert.deepEqual(
            found.map(({ id }) => id),
            wanted.map(({ events }) => events[0]?.id),
          );
        }
        await world.events.close();
      }),
      { numRuns: 40 },
    );
  });

  test("this test can fail: a fan-out that trusted `any` after a crash would deliver twice", async () => {
    const commits = mails(1);
    const world = await worldWith(commits);
    await live(world, new CrashPoint(Number.POSITIVE_INFINITY, "after"), 1);
    const append = commits[0]?.appends[0] as Append;
    await world.events.append(append);
    assert.equal((await readWholeStream(world.events, append.stream)).length, 2);
    await assert.rejects(assertExactlyOnce(world, commits));
    await world.events.close();
  });
});

describe("fan-out: faults", () => {
  test("a store that cannot be reached is asked again until it can", async () => {
    const commits = mails(2);
    const world = await worldWith(commits);
    const problems: FanOutProblem[] = [];
    let failures = 3;
    const events: EventStore = {
      ...bound(world.events),
      append: async (appends) => {
        failures -= 1;
        const result = failures % 2 === 0 ? undefined : await world.events.append(appends);
        if (failures >= 0 || result === undefined) throw new EventStoreFault("unavailable", "no answer");
        return result;
      },
    };
    const abort = new AbortController();
    const position = { load: async () => startOfLog, save: async () => abort.abort() };
    // Even calls fail unwritten and odd ones after the write, three times; then every second fails: all is retried.
    await runFanOut({
      events,
      bodies: world.bodies,
      position,
      signal: abort.signal,
      noteEveryMs: 0,
      report: (p) => problems.push(p),
    });
    assert.ok(problems.length >= 3 && problems.every(({ kind }) => kind === "retrying"));
    await assertExactlyOnce(world, commits);
    await world.events.close();
  });

  test("over the KurrentDB double: cuts, a server restart and a new fan-out lose and repeat nothing", async () => {
    const server = await startKurrentDouble();
    const connectionString = `kurrentdb://127.0.0.1:${server.port}?tls=false`;
    const open = () =>
      openKurrentEventStore({ connectionString, codec: plainCodec, clock, idleMs: 30, appendTimeoutMs: 250 });
    const bodies = openMemoryBodies();
    const commits = mails(25);
    const accepting = await open();
    const journal = openClusterJournal({ events: accepting, bodies, clock });
    const world: World = { events: accepting, bodies, place: startOfLog };
    const spread = async (events: Awaited<ReturnType<typeof open>>, ms: number) => {
      const abort = new AbortController();
      const running = runFanOut({
        events,
        bodies,
        position: events.fanOutPosition,
        signal: abort.signal,
        noteEveryMs: 20,
      });
      await new Promise((resolve) => setTimeout(resolve, ms));
      abort.abort();
      await running;
      await events.close();
    };
    const committing = (async () => {
      for (const commit of commits) assert.ok((await journal.commit(commit)).ok);
    })();
    const first = spread(await open(), 150);
    for (const pauseMs of [40, 40]) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      server.wire.cut();
    }
    await first;
    await server.stop();
    server.log.forgetRecentIds();
    await server.start();
    await committing;
    const last = await open();
    const abort = new AbortController();
    const running = runFanOut({
      events: last,
      bodies,
      position: last.fanOutPosition,
      signal: abort.signal,
      noteEveryMs: 20,
    });
    for (const end = performance.now() + 10_000; performance.now() < end; ) {
      const left = [...bodies.holders.keys()].some((holder) => holder.startsWith("intake-"));
      if (!left) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    abort.abort();
    await running;
    await assertExactlyOnce(world, commits);
    await last.close();
    await journal.close();
    await server.close();
  });
});
