import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { changeOnce, makeChanges } from "./admin-changes.ts";
import {
  connectFeed,
  createFollower,
  type FeedConnection,
  followOnce,
  openFeed,
  readHistory,
} from "./feed-connection.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { mutate, provisionTenant, type Tenant } from "./provision.ts";

/** Numbers in [0, 1) that are the same in every run. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe("audit feed of a running platform", () => {
  let platform: Platform;
  let tenant: Tenant;
  let start: string;
  const feeds: FeedConnection[] = [];
  before(async () => {
    platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
    tenant = await provisionTenant(platform, "feed");
    start = await changeOnce({ platform, tenantId: tenant.id });
  });
  after(async () => {
    for (const feed of feeds) feed.socket.terminate();
    assert.equal(await platform.stop(), 0);
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
  });
  async function open(token = platform.token) {
    const feed = await openFeed(platform.ports.http, token);
    feeds.push(feed);
    return feed;
  }
  async function connect(headers: Record<string, string> = {}) {
    const feed = await connectFeed(platform.ports.http, headers);
    feeds.push(feed);
    return feed;
  }
  async function tokenOf(tenantId: string) {
    const payload = await mutate(platform, "tokenCreate", "secret token { id }", { name: "t", scope: { tenantId } });
    return payload as unknown as { readonly secret: string; readonly token: { readonly id: string } };
  }

  test("a client that disconnects at random during 10,000 admin changes has each exactly once, in order", async (t) => {
    const random = seededRandom(5);
    const follower = createFollower(start);
    const follow = () =>
      followOnce(follower, {
        port: platform.ports.http,
        token: platform.token,
        window: 1 + Math.floor(random() * 300),
        events: 1 + Math.floor(random() * 400),
        withinMs: 50 + random() * 2_000,
      });
    const startedAt = performance.now();
    let changing = true;
    const changes = makeChanges({ platform, tenantId: tenant.id }, 10_000).finally(() => {
      changing = false;
    });
    while (changing) await follow();
    const made = await changes;
    const seconds = (performance.now() - startedAt) / 1_000;
    const history = await readHistory(platform, start, await changeOnce({ platform, tenantId: tenant.id }));
    const deadline = Date.now() + 30_000;
    while (follower.eventIds.length < history.length && Date.now() < deadline) await follow();
    assert.deepEqual(follower.eventIds, history);
    assert.equal(history.length, 10_001);
    assert.deepEqual(new Set(history.slice(0, -1)), made);
    assert.ok(follower.connections >= 20, `${follower.connections} connections`);
    t.diagnostic(`${follower.connections} connections; ${Math.round(10_000 / seconds)} changes/s`);
  });

  test("close codes: 4400, 4401, 4403, 4408, 4410, 4429", async () => {
    const afterHello: readonly [why: string, provoke: (feed: FeedConnection, epoch: string) => void, code: number][] = [
      ["not JSON", (feed) => feed.send("{"), 4400],
      ["unknown message", (feed) => feed.send({ type: "shout" }), 4400],
      ["unknown member", (feed) => feed.send({ type: "subscribe", id: "a", where: { color: "red" } }), 4400],
      ["hello twice", (feed) => feed.send({ type: "hello", token: platform.token }), 4400],
      ["no position", (feed) => feed.send({ type: "subscribe", id: "a", from: { position: "?" } }), 4400],
      [
        "position of another epoch",
        (feed, epoch) => {
          const position = start.replace(epoch, "00000000-0000-4000-8000-000000000000");
          feed.send({ type: "subscribe", id: "a", from: { position } });
        },
        4410,
      ],
      [
        "17 subscriptions",
        (feed) => {
          for (let index = 0; index < 17; index += 1) feed.send({ type: "subscribe", id: `s${index}` });
        },
        4429,
      ],
      [
        "a flood of messages",
        (feed) => {
          for (let index = 0; index < 500; index += 1) feed.send({ type: "pong" });
        },
        4429,
      ],
    ];
    const silent = await connect();
    const opened = performance.now();
    for (const [why, provoke, code] of afterHello) {
      const feed = await open();
      provoke(feed, feed.welcome.epoch);
      assert.equal((await feed.untilClosed()).code, code, why);
    }
    for (const hello of [{ type: "hello", token: "mf_wrong" }, { type: "hello" }, { type: "subscribe", id: "a" }]) {
      const feed = await connect();
      feed.send(hello);
      assert.equal((await feed.untilClosed()).code, 4401, JSON.stringify(hello));
    }
    assert.equal((await (await connect({ origin: "https://evil.example" })).untilClosed()).code, 4403);
    assert.equal((await silent.untilClosed()).code, 4408, "no hello in 5 s");
    assert.ok(performance.now() - opened < 15_000);
  });

  test("too many feeds of one token: 4429, and another token still gets in", async () => {
    const { secret } = await tokenOf(tenant.id);
    const open20 = await Promise.all(Array.from({ length: 20 }, () => open(secret)));
    const one = await connect();
    one.send({ type: "hello", token: secret });
    assert.equal((await one.untilClosed()).code, 4429);
    await open();
    for (const feed of open20) feed.socket.terminate();
  });

  test("a revoked token is cut off within 5 s, idle or not, and cannot come back", async () => {
    const { secret, token } = await tokenOf(tenant.id);
    const [idle, subscribed] = [await open(secret), await open(secret)];
    subscribed.send({ type: "subscribe", id: "a", from: "now" });
    await subscribed.until(() => subscribed.of("caughtUp")[0]);
    await mutate(platform, "tokenRevoke", "token { id }", { tokenId: token.id });
    assert.equal((await subscribed.untilClosed(5_000)).code, 4401);
    assert.equal((await idle.untilClosed(5_000)).code, 4401);
    const again = await connect();
    again.send({ type: "hello", token: secret });
    assert.equal((await again.untilClosed()).code, 4401);
  });

  test("a tenant sees its own events and nobody else's", async () => {
    const other = await provisionTenant(platform, "otherfeed");
    const feed = await open((await tokenOf(other.id)).secret);
    feed.send({ type: "subscribe", id: "a", from: "start" });
    await feed.until(() => feed.of("caughtUp")[0]);
    await changeOnce({ platform, tenantId: tenant.id });
    await changeOnce({ platform, tenantId: other.id });
    await feed.until(() => feed.of("event").at(-1)?.event?.type === "SenderEntryAdded");
    const types = new Set(feed.of("event").map((message) => message.event?.type));
    for (const type of ["TenantCreated", "DomainAdded", "DomainVerified", "MailboxCreated", "TokenCreated"])
      assert.ok(types.has(type), `${type} of ${[...types]}`);
    assert.ok(feed.of("event").every((message) => message.event?.tenantid === other.id));
  });

  test("the SSE subscription goes on after a cursor without gap or repeat", async () => {
    const from = await changeOnce({ platform, tenantId: tenant.id });
    const seen: string[] = [];
    let cursor = from;
    const follow = async (count: number) => {
      for await (const delivery of subscribeOverSse(platform, cursor)) {
        seen.push(delivery.node.id);
        cursor = delivery.cursor;
        if (seen.length >= count) return;
      }
    };
    const changes = makeChanges({ platform, tenantId: tenant.id }, 120);
    for (const count of [1, 7, 50, 51, 100]) await follow(count);
    await changes;
    const history = await readHistory(platform, from, await changeOnce({ platform, tenantId: tenant.id }));
    await follow(history.length);
    assert.deepEqual(seen, history);
    assert.equal(history.length, 121);
  });
});

interface Delivery {
  readonly cursor: string;
  readonly node: { readonly id: string };
}

/** The GraphQL subscription as a plain HTTP client reads it; leaving the loop drops the connection. */
async function* subscribeOverSse(platform: Platform, after: string): AsyncGenerator<Delivery> {
  const leave = new AbortController();
  const response = await fetch(`http://127.0.0.1:${platform.ports.http}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      authorization: `Bearer ${platform.token}`,
    },
    body: JSON.stringify({
      query: "subscription($after: String) { auditEvents(after: $after) { cursor caughtUp node { id } } }",
      variables: { after },
    }),
    signal: AbortSignal.any([leave.signal, AbortSignal.timeout(30_000)]),
  });
  assert.equal(response.status, 200);
  let text = "";
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString("utf8");
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = /^data: ?(.*)$/m.exec(block)?.[1];
        if (data === undefined || data === "") continue;
        const body = JSON.parse(data) as { data?: { auditEvents: Delivery }; errors?: unknown };
        assert.equal(body.errors, undefined, data);
        if (body.data !== undefined) yield body.data.auditEvents;
      }
    }
  } finally {
    leave.abort();
  }
}
