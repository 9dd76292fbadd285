import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { idFromUuid, newId } from "@mailfold/ids";
import { createOperations } from "../operations/create-operations.ts";
import type { Operations } from "../operations/operations.ts";
import type { RunningApi } from "../ports.ts";
import {
  type ApiWorld,
  adminToken,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../test-support/api-test-world.ts";
import { FeedClient } from "../test-support/feed-client-test-world.ts";

let world: ApiWorld;
let api: RunningApi & { url: string };
let operations: Operations;
let resellerId: string;
const clients: FeedClient[] = [];

before(async () => {
  world = await createApiWorld();
  const limits = { feedHelloMs: 300, feedRecheckMs: 50, feedHeartbeatMs: 200, feedSubscriptionsPerSocket: 3 };
  api = await startTestApi(world, { limits });
  operations = createOperations(world.deps);
  resellerId = (await operations.resellerCreate(platformCaller, { name: "ISP" })).value?.resellerId ?? "";
});
after(async () => {
  for (const client of clients) client.socket.terminate();
  await api.close();
  await world.close();
});

function open(headers: Record<string, string> = {}): FeedClient {
  const client = new FeedClient(api.url, headers);
  clients.push(client);
  return client;
}
async function tenant(name: string) {
  const outcome = await operations.tenantCreate(platformCaller, { resellerId, name });
  return outcome.value?.tenantId ?? "";
}
async function tokenOf(tenantId: string) {
  const outcome = await operations.tokenCreate(platformCaller, { name: "t", scope: { tenantId } });
  return { secret: outcome.value?.secret ?? "", tokenId: outcome.value?.token?.tokenId ?? "" };
}

describe("audit feed session", () => {
  test("welcome, live events as CloudEvents, caughtUp, heartbeats", async () => {
    const client = open();
    const welcome = await client.hello(adminToken);
    assert.equal(welcome.heartbeatMs, 200);
    assert.ok(welcome.head.startsWith(`${welcome.epoch}.`) && welcome.floor.startsWith(welcome.epoch));
    client.send({ type: "subscribe", id: "a", from: "now" });
    await client.until(() => client.of("caughtUp")[0]);
    const tenantId = await tenant("Live");
    const { event, id, position } = await client.until(() => client.of("event")[0]);
    assert.equal(id, "a");
    assert.equal(position, `${welcome.epoch}.${event.sequence}`);
    assert.deepEqual(
      [event.specversion, event.type, event.dataschema, event.subject, event.tenantid, event.source],
      ["1.0", "TenantCreated", "urn:mailfold:event:TenantCreated:v1", tenantId, tenantId, `/tenants/${tenantId}`],
    );
    assert.match(event.id, /^evt_/);
    assert.deepEqual(event.data.outcome, { result: "success" });
    assert.equal(event.data.payload.name, "Live");
    await client.until(() => client.of("ping")[0]);
    client.send({ type: "ping" });
    await client.until(() => client.of("pong")[0]);
  });

  test("secrets and mailbox content never travel", async () => {
    const tenantId = await tenant("Secret");
    await operations.domainAdd(platformCaller, { tenantId, name: "secret.example" });
    const before = await world.store.head();
    await operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@secret.example",
      password: "correct horse",
    });
    await tokenOf(tenantId);
    const client = open();
    const { epoch } = await client.hello(adminToken);
    client.send({ type: "subscribe", id: "a", from: { position: `${epoch}.${before}` } });
    await client.until(() => client.of("caughtUp")[0]);
    const types = client.of("event").map(({ event }) => event.type);
    assert.deepEqual(types, ["AddressClaimed", "MailboxCreated", "TokenCreated"]);
    const text = JSON.stringify(client.messages);
    assert.ok(!text.includes("phc:") && !text.includes("ciphertext") && text.includes("[secret]"));
  });

  test("close codes: bad message, no hello, wrong token, twice the same id, too many, bad position", async () => {
    const cases: readonly [string, (client: FeedClient, epoch: string) => void, number][] = [
      ["binary", (client) => client.socket.send(Buffer.from([1])), 4400],
      ["not JSON", (client) => client.send("{"), 4400],
      ["unknown type", (client) => client.send({ type: "shout" }), 4400],
      ["unknown member", (client) => client.send({ type: "ping", more: 1 }), 4400],
      ["second hello", (client) => client.send({ type: "hello", token: adminToken }), 4400],
      ["not a position", (client) => client.send({ type: "subscribe", id: "x", from: { position: "?" } }), 4400],
      [
        "another log",
        (client) => client.send({ type: "subscribe", id: "x", from: { position: "other.0000000000000001" } }),
        4410,
      ],
      [
        "same id",
        (client) => {
          client.send({ type: "subscribe", id: "x" });
          client.send({ type: "subscribe", id: "x" });
        },
        4400,
      ],
      [
        "too many subscriptions",
        (client) => {
          for (let index = 0; index < 4; index += 1) client.send({ type: "subscribe", id: `s${index}` });
        },
        4429,
      ],
      [
        "too many messages",
        (client) => {
          for (let index = 0; index < 300; index += 1) client.send({ type: "pong" });
        },
        4429,
      ],
    ];
    for (const [name, provoke, code] of cases) {
      const client = open();
      const { epoch } = await client.hello(adminToken);
      provoke(client, epoch);
      assert.equal((await client.untilClosed()).code, code, name);
    }
    const silent = open();
    assert.equal((await silent.untilClosed()).code, 4408);
    for (const hello of [{ type: "hello", token: "mf_wrong" }, { type: "hello" }, { type: "subscribe", id: "a" }]) {
      const client = open();
      await client.until(() => client.socket.readyState === 1);
      client.send(hello);
      assert.equal((await client.untilClosed()).code, 4401);
    }
    const deaf = open();
    deaf.answersPings = false;
    await deaf.hello(adminToken);
    assert.deepEqual(await deaf.untilClosed(), { code: 4408, reason: "no pong" });
    const huge = open();
    await huge.hello(adminToken);
    huge.send(`"${"x".repeat(70_000)}"`);
    assert.equal((await huge.untilClosed()).code, 1009);
  });

  test("browsers: only the server's own origin, and tickets that work once", async () => {
    const foreign = open({ origin: "https://evil.example" });
    assert.equal((await foreign.untilClosed()).code, 4403);
    const ticket = (await graphql(api.url, "mutation { feedTicketCreate { ticket } }")).data.feedTicketCreate.ticket;
    for (const expected of ["welcome", 4401]) {
      const client = open({ origin: api.url });
      await client.until(() => client.socket.readyState === 1);
      client.send({ type: "hello", ticket });
      if (expected === "welcome") await client.until(() => client.of("welcome")[0]);
      else assert.equal((await client.untilClosed()).code, expected);
    }
  });

  test("a revoked token is cut off, events or not", async () => {
    const { secret, tokenId } = await tokenOf(await tenant("Revoked"));
    const client = open();
    await client.hello(secret);
    client.send({ type: "subscribe", id: "a" });
    await client.until(() => client.of("caughtUp")[0]);
    await operations.tokenRevoke(platformCaller, { tokenId });
    assert.equal((await client.untilClosed()).code, 4401);
  });

  test("a tenant sees its subtree; a foreign tenant's filter answers like a missing one's", async () => {
    const [own, foreign] = [await tenant("Own"), await tenant("Foreign")];
    const client = open();
    await client.hello((await tokenOf(own)).secret);
    client.send({ type: "subscribe", id: "all", from: "start" });
    client.send({ type: "subscribe", id: "foreign", from: "start", where: { tenant: foreign } });
    client.send({
      type: "subscribe",
      id: "missing",
      from: "start",
      where: { tenant: "ten_00000000000000000000000000" },
    });
    await client.until(() => client.of("caughtUp").length === 3);
    const seen = client.of("event");
    assert.ok(seen.length > 0);
    assert.ok(seen.every((message) => message.id === "all" && message.event.tenantid === own));
    const { data } = seen[0].event;
    assert.deepEqual([data.actor, data.context], [{ type: "platform", id: "tests" }, {}], "who is above stays unnamed");
  });

  test("filters by type, actor and outcome; from a time", async () => {
    const client = open();
    const at = new Date(Date.now() - 1_000).toISOString();
    await client.hello(adminToken);
    client.send({ type: "subscribe", id: "types", from: "start", where: { types: ["ResellerCreated", "Nonsense"] } });
    client.send({ type: "subscribe", id: "failed", from: "start", where: { outcome: "failure" } });
    client.send({
      type: "subscribe",
      id: "timed",
      from: { time: at },
      where: { types: ["TenantCreated"], actor: "tests" },
    });
    await client.until(() => client.of("caughtUp").length === 3);
    const byId = (id: string) => client.of("event").filter((message) => message.id === id);
    assert.deepEqual(
      byId("types").map((message) => message.event.type),
      ["ResellerCreated"],
    );
    assert.equal(byId("failed").length, 0);
    assert.ok(byId("timed").length > 0 && byId("timed").every((message) => message.event.time >= at));
  });

  test("without credit nothing is sent; an ack returns it; bookmarks pass filtered events", async () => {
    const client = open();
    await client.hello(adminToken);
    client.send({ type: "subscribe", id: "a", from: "start", window: 2 });
    client.send({ type: "subscribe", id: "quiet", from: "now", where: { types: ["IpDenied"] } });
    await client.until(() => client.of("event").length === 2);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(client.of("event").length, 2);
    client.send({ type: "ack", id: "a", position: client.of("event")[0].position });
    await client.until(() => client.of("event").length === 3);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await tenant("Passing");
    const bookmark = await client.until(() => client.of("bookmark").find((message) => message.id === "quiet"));
    assert.ok(bookmark.position > client.of("event")[2].position);
    assert.equal(client.of("event").length, 3);
  });

  test("goaway on shutdown says where to go on", async () => {
    const other = await startTestApi(world);
    const client = new FeedClient(other.url);
    await client.hello(adminToken);
    client.send({ type: "subscribe", id: "a", from: "start", window: 1 });
    const first = await client.until(() => client.of("event")[0]);
    await other.close();
    await client.untilClosed();
    assert.equal(client.closed?.code, 1001);
    assert.equal(client.of("goaway")[0].position, first.position);
  });
});

describe("resume", () => {
  test("a client that disconnects at random has each event exactly once, in order", async () => {
    const start = await world.store.head();
    const total = 250;
    const tenantId = await tenant("Busy");
    const writing = (async () => {
      for (let index = 0; index < total; index += 1) {
        await operations.policyUpdate(platformCaller, {
          scope: { tenantId },
          set: { maxRecipientsPerMessage: 1 + index },
        });
      }
    })();
    const seen: string[] = [];
    let position = `${await world.store.epoch()}.${start}`;
    let connections = 0;
    let seed = 42;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    while (seen.length < total + 1) {
      connections += 1;
      const client = new FeedClient(api.url);
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
    for await (const event of world.store.readAll({ after: start })) expected.push(idFromUuid("event", event.id));
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
