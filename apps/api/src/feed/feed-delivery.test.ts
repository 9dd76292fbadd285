import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { idFromUuid, newId } from "@mailfold/ids";
import { adminToken, createApiWorld, platformCaller, startTestApi } from "../test-support/api-test-world.ts";
import { FeedClient } from "../test-support/feed-client-test-world.ts";
import { feedWorld } from "../test-support/feed-test-world.ts";

describe("resume", () => {
  const house = feedWorld();
  const { tenant } = house;

  test("a client that disconnects at random has each event exactly once, in order", async () => {
    const start = await house.world.store.head();
    const total = 250;
    const tenantId = await tenant("Busy");
    const writing = (async () => {
      for (let index = 0; index < total; index += 1) {
        await house.operations.policyUpdate(platformCaller, {
          scope: { tenantId },
          set: { maxRecipientsPerMessage: 1 + index },
        });
      }
    })();
    const seen: string[] = [];
    let position = `${await house.world.store.epoch()}.${start}`;
    let connections = 0;
    let seed = 42;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    while (seen.length < total + 1) {
      connections += 1;
      const client = new FeedClient(house.api.url);
      await client.hello(adminToken);
      const quota = 1 + Math.floor(random() * 60);
      let taken = 0;
      const enough = new Promise<void>((resolve) => {
        client.onMessage = (message) => {
          if (message.type === "bookmark") position = message.position;
          if (message.type !== "event" || taken >= quota) return;
          taken += 1;
          seen.push(message.event.id);
          position = message.position;
          if (random() < 0.7) client.send({ type: "ack", position });
          if (taken === quota || seen.length === total + 1) resolve();
        };
      });
      const window = 1 + Math.floor(random() * 20);
      client.send({ type: "subscribe", id: "a", from: { position }, window });
      await Promise.race([enough, new Promise((resolve) => setTimeout(resolve, 100 + random() * 200))]);
      client.onMessage = undefined;
      client.socket.terminate();
    }
    await writing;
    const expected: string[] = [];
    for await (const event of house.world.store.readAll({ after: start })) expected.push(idFromUuid("event", event.id));
    assert.deepEqual(seen, expected);
    assert.ok(connections > 5, `${connections} connections`);
  });
});

describe("slow consumers", () => {
  test("a client that does not read is cut off; the server holds little", async () => {
    const limits = { feedWindowMax: 10_000, feedDrainMs: 200, feedBufferedBytes: 65_536, feedHeartbeatMs: 60_000 };
    const own = await createApiWorld();
    const other = await startTestApi(own, { limits });
    try {
      const before = await own.store.head();
      const tenantId = newId("tenant");
      for (let batch = 0; batch < 8; batch += 1) {
        const events = Array.from({ length: 1_000 }, () => ({
          id: crypto.randomUUID(),
          type: "TenantSuspended",
          data: {
            tenantId,
            switches: { login: true, submission: true, inbound: true, forwarding: true },
            reason: "ADMIN",
            note: "x".repeat(1_000),
          },
          metadata: { tenantId: tenantId as never, actor: { type: "system" as const, id: "flood" } },
          occurredAt: Date.now(),
        }));
        await own.store.append({ stream: `tenant-${tenantId}`, expected: "any", events });
      }
      const client = new FeedClient(other.url);
      const { epoch } = await client.hello(adminToken);
      client.send({ type: "subscribe", id: "a", from: { position: `${epoch}.${before}` } });
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      client.socket.resume();
      assert.ok([1006, 4408].includes((await client.untilClosed()).code), JSON.stringify(client.closed));
      assert.ok(client.of("event").length < 8_000);
    } finally {
      await other.close();
      await own.close();
    }
  });
});
