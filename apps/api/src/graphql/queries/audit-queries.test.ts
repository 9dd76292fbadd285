import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { createOperations } from "../../operations/create-operations.ts";
import type { RunningApi } from "../../ports.ts";
import {
  type ApiWorld,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../../test-support/api-test-world.ts";

describe("auditEvents", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world);
    const operations = createOperations(world.deps);
    await operations.resellerCreate(platformCaller, { name: "one" });
    await operations.resellerCreate(platformCaller, { name: "two" });
    const longAgo = world.deps.clock.now() - 100 * 86_400_000;
    const data = { prefix: "192.0.2.1/32", reason: "overlong-command", until: longAgo + 1 };
    const denied = { id: crypto.randomUUID(), type: "IpDenied", data, occurredAt: longAgo };
    await world.store.append({
      stream: streams.denial("192.0.2.1/32"),
      expected: "any",
      events: [{ ...denied, metadata: { actor: { type: "system", id: "t" } } }],
    });
    assert.equal(await world.store.expire("traffic", longAgo + 10 * 86_400_000), 1);
    await world.fold();
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  const pageAfter = (cursor: string, where = "") =>
    graphql(
      api.url,
      `{ auditEvents(first: 1, after: "${cursor}"${where}) { pageInfo { endCursor } nodes { id type } } }`,
    );
  const start = async () => `${await world.store.epoch()}.0000000000000001`;

  test("pages through admin events that are older than the oldest traffic", async () => {
    const first = await pageAfter(await start());
    assert.equal(first.data?.auditEvents.nodes[0].type, "ResellerCreated", first.text);
    const second = await pageAfter(first.data.auditEvents.pageInfo.endCursor);
    assert.equal(second.data?.auditEvents.nodes[0].type, "ResellerCreated", second.text);
  });

  test("refuses a position from which traffic that is asked for has expired, and what is no position", async () => {
    const gone = await pageAfter(await start(), ', where: {types: ["IpDenied"]}');
    assert.equal(gone.errors[0].extensions.reason, "POSITION_BELOW_FLOOR");
    const odd = await pageAfter("yesterday");
    assert.equal(odd.errors[0].extensions.reason, "POSITION_INVALID");
  });

  test("an event that a trace names is found by its id", async () => {
    const { data } = await pageAfter(await start());
    const { id } = data.auditEvents.nodes[0];
    const found = await graphql(
      api.url,
      `{ node(id: "${id}") { __typename ... on AuditEvent { type actor { id } } } }`,
    );
    assert.deepEqual(found.data.node, { __typename: "AuditEvent", type: "ResellerCreated", actor: { id: "tests" } });
  });
});
