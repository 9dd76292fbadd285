import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adminToken, graphql, platformCaller, startTestApi } from "../test-support/api-test-world.ts";
import { FeedClient } from "../test-support/feed-client-test-world.ts";
import { feedWorld } from "../test-support/feed-test-world.ts";

describe("audit feed session", () => {
  const house = feedWorld();
  const { open, tenant, tokenOf } = house;

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
    await house.operations.domainAdd(platformCaller, { tenantId, name: "secret.example" });
    const before = await house.world.store.head();
    await house.operations.mailboxCreate(platformCaller, {
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
    const ticket = (await graphql(house.api.url, "mutation { feedTicketCreate { ticket } }")).data.feedTicketCreate
      .ticket;
    for (const expected of ["welcome", 4401]) {
      const client = open({ origin: house.api.url });
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
    await house.operations.tokenRevoke(platformCaller, { tokenId });
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
    const other = await startTestApi(house.world);
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
