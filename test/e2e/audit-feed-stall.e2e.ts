import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { changeOnce, makeChanges } from "./admin-changes.ts";
import {
  createFollower,
  type FeedConnection,
  type Follower,
  followOnce,
  openFeed,
  readHistory,
} from "./feed-connection.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { provisionTenant } from "./provision.ts";

/** A small heap: the collector runs often, and what grows is what is kept. */
const smallHeap = { MAILFOLD_DEMO: "0", NODE_OPTIONS: "--max-old-space-size=128 --max-semi-space-size=2" };
const stalledSockets = 15;
const growthMaxMiB = 30;

/** Resident memory of the server process, MiB. */
function residentMiB(platform: Platform): number {
  const status = readFileSync(`/proc/${platform.process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

/** The most memory seen while work is under way, MiB: the collector makes single looks differ by tens of MiB. */
async function peakDuring(platform: Platform, work: Promise<unknown>): Promise<number> {
  let peak = residentMiB(platform);
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentMiB(platform));
  }, 200);
  await work.finally(() => clearInterval(sampling));
  return Math.max(peak, residentMiB(platform));
}

function takeEvents(follower: Follower, feed: FeedConnection): void {
  for (const message of feed.of("event").slice(follower.eventIds.length)) {
    follower.eventIds.push(message.event?.id ?? "");
    follower.position = message.position ?? "";
  }
}

describe("audit feed: clients that do not keep up", () => {
  test("the server keeps a cursor, not memory; each client then gets everything exactly once", async (t) => {
    const platform = await startPlatform({ env: smallHeap });
    const tenantId = (await provisionTenant(platform, "stall")).id;
    const target = { platform, tenantId, noteBytes: 200 };
    const start = await changeOnce(target);
    // What changes cost without anybody watching: page caches fill, indexes grow.
    const warm = await peakDuring(platform, makeChanges(target, 2_500));
    const before = await peakDuring(platform, makeChanges(target, 2_500));
    const growthAlone = (before - warm) / 2_500;

    const open = () => openFeed(platform.ports.http, platform.token);
    const stalled = await Promise.all(Array.from({ length: stalledSockets }, open));
    const penniless = await open();
    penniless.send({ type: "subscribe", id: "f", from: { position: start }, window: 50 });
    for (const feed of stalled) {
      // From far back: more bytes than the kernel's own buffers take, so that the server must hold them or stop.
      feed.send({ type: "subscribe", id: "f", from: { position: start } });
      feed.socket.pause();
    }
    // They acknowledge what they never read: credit does not hold the server back, only the socket does.
    const unread = `${penniless.welcome.epoch}.${"9".repeat(16)}`;
    const acknowledging = setInterval(() => {
      for (const feed of stalled) if (feed.socket.readyState === 1) feed.send({ type: "ack", position: unread });
    }, 50);
    const peak = await peakDuring(platform, makeChanges(target, 4_000)).finally(() => clearInterval(acknowledging));
    const grown = peak - before - 4_000 * Math.max(0, growthAlone);
    const history = await readHistory(platform, start, await changeOnce(target));
    assert.equal(history.length, 9_001);
    t.diagnostic(
      `${before.toFixed(0)} MiB, peak ${peak.toFixed(0)}, after ${residentMiB(platform).toFixed(0)}; ${grown.toFixed(1)} MiB more than without clients`,
    );
    assert.ok(grown < growthMaxMiB, `grew by ${grown} MiB`);

    await assertHeldBack(penniless, history);
    const withToken = { port: platform.ports.http, token: platform.token, withinMs: 30_000 };
    for (const feed of stalled.slice(0, 2)) {
      const follower = createFollower(start);
      feed.onMessage(({ type, position }) => {
        if (type === "event" && feed.messages.length % 100 === 0 && feed.socket.readyState === 1)
          feed.send({ type: "ack", position });
      });
      feed.socket.resume();
      await feed.until(() => feed.closed !== undefined || feed.of("event").length === history.length, 40_000);
      takeEvents(follower, feed);
      if (follower.eventIds.length < history.length)
        await followOnce(follower, { ...withToken, events: history.length - follower.eventIds.length });
      assert.deepEqual(follower.eventIds, history);
    }
    for (const feed of [...stalled, penniless]) feed.socket.terminate();
    assert.equal(await platform.stop(), 0);
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
  });
});

/** A client without credit got its window and no more; it pays on the same connection and gets the rest. */
async function assertHeldBack(feed: FeedConnection, history: readonly string[]): Promise<void> {
  assert.equal(feed.of("event").length, 50, "no more than the window without an ack");
  assert.equal(feed.closed, undefined, "it stays open: it answers pings");
  const acknowledge = () => feed.send({ type: "ack", id: "f", position: feed.of("event").at(-1)?.position });
  let received = feed.of("event").length;
  feed.onMessage((message) => {
    if (message.type === "event" && ++received % 50 === 0) acknowledge();
  });
  acknowledge();
  // 9,000 events in windows of 50 are 180 acks, below the bound of 200 a second.
  await feed.until(() => feed.closed !== undefined || received >= history.length, 60_000);
  assert.deepEqual(
    feed.of("event").map((message) => message.event?.id),
    history,
  );
}
