import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Append, EventStore } from "@mailfold/event-store";
import { EventStoreFault, openKurrentEventStore, readWholeStream } from "@mailfold/event-store";
import { startOfLog } from "@mailfold/kernel";
import fc from "fast-check";
import { startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { openMemoryBodies } from "../../../../test/doubles/kurrentdb/memory-bodies.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { journalEvent } from "../journal-contract.ts";
import { openClusterJournal } from "./cluster-journal.ts";
import { type FanOutProblem, runFanOut } from "./fan-out.ts";
import {
  assertExactlyOnce,
  bound,
  CrashPoint,
  clock,
  live,
  mailboxes,
  mails,
  type World,
  worldWith,
} from "./fan-out-test-world.ts";

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
