import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import { createLogCursors } from "../log-cursor.ts";
import { type ApiWorld, createApiWorld } from "../test-support/api-test-world.ts";
import { findFeedStart } from "./feed-start.ts";

const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 1, 12);
const day = (count: number) => ({ time: new Date(start + count * dayMs).toISOString() });

describe("a feed from a time, after traffic has expired", () => {
  let world: ApiWorld;
  before(async () => {
    world = await createApiWorld();
    // Admin events on days 0 and 40; denials, which expire, on days 1, 2, 30 and 41.
    const write = (type: "IpDenied" | "ResellerCreated", at: number) => {
      const resellerId = newId("reseller");
      const data =
        type === "IpDenied"
          ? { prefix: "192.0.2.1/32", reason: "overlong-command", until: at + 1 }
          : { resellerId, name: "ISP" };
      const stream = type === "IpDenied" ? streams.denial("192.0.2.1/32") : streams.reseller(resellerId);
      const event = { id: crypto.randomUUID(), type, data, metadata: { actor: { type: "system", id: "t" } } as const };
      return world.store.append({ stream, expected: "any", events: [{ ...event, occurredAt: at }] });
    };
    await write("ResellerCreated", start);
    for (const at of [1, 2, 30]) await write("IpDenied", start + at * dayMs);
    await write("ResellerCreated", start + 40 * dayMs);
    await write("IpDenied", start + 41 * dayMs);
    assert.equal(await world.store.expire("traffic", start + 10 * dayMs), 2);
  });
  after(() => world.close());
  const find = (from: { readonly time: string }, where = {}) =>
    findFeedStart(world.store, createLogCursors(world.store), from, where);

  test("is gone where what was asked for has expired, although older admin events are left", async () => {
    assert.deepEqual(await find(day(1)), { ok: false, cause: "gone" });
  });
  test("is answered where nothing asked for has expired", async () => {
    assert.equal((await find(day(35))).ok, true);
    assert.equal((await find(day(41))).ok, true);
  });
  test("is answered for types that never expire", async () => {
    assert.equal((await find(day(-5), { types: ["ResellerCreated"] })).ok, true);
    assert.equal((await find(day(1), { types: ["ResellerCreated"] })).ok, true);
  });
});
