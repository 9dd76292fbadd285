import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ListingEvent } from "@mailfold/domain";
import type { RecordedEvent } from "@mailfold/kernel";
import { openReputationStore } from "../../apps/mailfold/src/reputation/reputation-store.ts";
import { dayMs, listingsOf, testCodec } from "../../apps/mailfold/src/reputation/reputation-test-world.ts";
import { openSqliteEventStore } from "../../libs/event-store/src/sqlite/sqlite-event-store.ts";
import { smallSize } from "../../libs/reputation/src/simulated-cast-test-world.ts";
import { mulberry32 } from "./kill-rounds.ts";
import { simulatedLog, tellAll } from "./simulated-log.ts";

const program = fileURLToPath(new URL("./learn-until-killed.ts", import.meta.url));
const kills = 50;
/** Of these the last ones while listings end by the clock. */
const killsAtEnd = 8;
/** The whole cast, in a month. */
const size = { ...smallSize, days: 30, runMails: 80, providerMails: 60 };
const root = mkdtempSync(join(tmpdir(), "mailfold-learner-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** What a learner came to. */
interface Learned {
  readonly listings: readonly Pick<RecordedEvent<ListingEvent>, "id" | "stream" | "revision" | "type" | "data">[];
  readonly state: readonly unknown[];
}

async function withLog<T>(dir: string, work: (events: Awaited<ReturnType<typeof openSqliteEventStore>>) => Promise<T>) {
  const onFatal = (error: Error): void => assert.fail(error);
  const events = await openSqliteEventStore({
    path: join(dir, "log.db"),
    codec: testCodec,
    clock: { now: () => 0 },
    onFatal,
  });
  try {
    return await work(events);
  } finally {
    await events.close();
  }
}

/** Runs the learner's process; kills it `afterMs` after it has begun, unless it is done by then. Says whether it was killed. */
async function learn(dir: string, now: number, afterMs?: number): Promise<boolean> {
  const child = spawn(process.execPath, [program, dir, String(now)], {
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, "compiled") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said === "started\n" && afterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), afterMs);
  });
  await once(child, "close");
  if (said.includes("done")) return false;
  assert.equal(child.signalCode, "SIGKILL", "it ends by being done or killed");
  return true;
}

async function learnedIn(dir: string): Promise<Learned> {
  return withLog(dir, async (events) => {
    const listings = (await listingsOf(events)).map(({ data, id, revision, stream, type }) => {
      return { data, id, revision, stream, type };
    });
    const { store, rebuilt } = openReputationStore(join(dir, "reputation.db"), await events.epoch());
    assert.equal(rebuilt, undefined);
    const state = [...(store.saved()?.parts ?? [])];
    store.close();
    return { listings, state };
  });
}

const byPlace = (one: Learned["listings"][number], other: Learned["listings"][number]): number =>
  one.stream < other.stream ? -1 : one.stream > other.stream ? 1 : one.revision - other.revision;

test("the learner killed 50 times over the simulated world ends where an unbroken one ends", {
  timeout: 110_000,
}, async (t) => {
  const seed = Number(process.env.MAILFOLD_TEST_SEED ?? Date.now() % 1_000_000);
  const random = mulberry32(seed);
  const { endAt, told } = simulatedLog(1, size);
  const late = endAt + 60 * dayMs;
  const [whole, broken] = [mkdtempSync(join(root, "whole-")), mkdtempSync(join(root, "broken-"))];

  await withLog(whole, (events) => tellAll(events, told));
  await learn(whole, 0);
  await learn(whole, late);
  const expected = await learnedIn(whole);

  await withLog(broken, (events) => tellAll(events, told));
  let killed = 0;
  for (; killed < kills - killsAtEnd; killed++) if (!(await learn(broken, 0, random() * 300))) break;
  const midway = (await withLog(broken, listingsOf)).length;
  await learn(broken, 0);
  for (; killed < kills; killed++) if (!(await learn(broken, late, random() * 100))) break;
  await learn(broken, late);
  const actual = await learnedIn(broken);

  t.diagnostic(
    `seed ${seed}: ${told.length} events, ${killed} kills, ${midway} of ${actual.listings.length} decisions between kills`,
  );
  assert.ok(expected.listings.length > 100, "the world lists senders");
  const ids = actual.listings.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "no decision is recorded twice");
  assert.deepEqual([...actual.listings].sort(byPlace), [...expected.listings].sort(byPlace));
  assert.deepEqual(actual.state, expected.state);
  assert.ok(midway > 0, "it gets on between kills");
  assert.ok(killed >= kills * 0.8, `only ${killed} kills hit a process at work`);
});
