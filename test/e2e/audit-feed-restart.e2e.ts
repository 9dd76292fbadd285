import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changeOnce, makeChanges } from "./admin-changes.ts";
import { createFollower, followOnce, openFeed, readHistory } from "./feed-connection.ts";
import { startPlatform, temporaryDir } from "./platform.ts";
import { provisionTenant } from "./provision.ts";

describe("audit feed: the server goes away", () => {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`${signal} in the middle of changes, then resume: no gap, no repeat`, async (t) => {
      const dataDir = temporaryDir("feed-restart");
      const first = await startPlatform({ dataDir, env: { MAILFOLD_DEMO: "0" } });
      const tenantId = (await provisionTenant(first, "restart")).id;
      const start = await changeOnce({ platform: first, tenantId });
      const follower = createFollower(start);
      const feed = await openFeed(first.ports.http, first.token);
      feed.onMessage(({ position, event }) => {
        if (event === undefined) return;
        follower.eventIds.push(event.id);
        follower.position = position ?? "";
        if (follower.eventIds.length % 100 === 0) feed.send({ type: "ack", position });
      });
      feed.send({ type: "subscribe", id: "f", from: { position: start } });
      // Those that are under way when the server goes may fail, or be done without an answer.
      const changes = makeChanges({ platform: first, tenantId }, 100_000).catch(() => undefined);
      await feed.until(() => follower.eventIds.length >= 300, 30_000);
      const exit = await first.stop(signal);
      await changes;
      const { code } = await feed.untilClosed();
      if (signal === "SIGTERM") {
        assert.equal(exit, 0);
        assert.equal(code, 1001);
        const goaway = feed.of("goaway")[0];
        assert.ok(goaway?.position !== undefined, "goaway says where to go on");
        follower.position = goaway.position;
      }
      const before = follower.eventIds.length;
      const second = await startPlatform({ dataDir, env: { MAILFOLD_DEMO: "0" } });
      try {
        await makeChanges({ platform: second, tenantId }, 200);
        const history = await readHistory(second, start, await changeOnce({ platform: second, tenantId }));
        const events = history.length - before;
        await followOnce(follower, { port: second.ports.http, token: second.token, withinMs: 20_000, events });
        assert.deepEqual(follower.eventIds, history);
        t.diagnostic(`${before} events before, ${events} after`);
      } finally {
        await second.stop();
      }
    });
  }
});
