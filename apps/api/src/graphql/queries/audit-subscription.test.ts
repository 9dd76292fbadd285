import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createOperations } from "../../operations/create-operations.ts";
import type { Operations } from "../../operations/operations.ts";
import type { RunningApi } from "../../ports.ts";
import {
  type ApiWorld,
  adminToken,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../../test-support/api-test-world.ts";

let world: ApiWorld;
let api: RunningApi & { url: string };
let operations: Operations;
before(async () => {
  world = await createApiWorld();
  api = await startTestApi(world, { limits: { sseStreamsPerSubject: 1, feedRecheckMs: 30 } });
  operations = createOperations(world.deps);
});
after(async () => {
  await api.close();
  await world.close();
});

interface Delivery {
  readonly cursor: string;
  readonly node: { readonly type: string };
}

/** Opens the subscription and yields what comes. */
async function* follow(token: string, after: string | null, stop: AbortSignal): AsyncGenerator<Delivery> {
  const response = await fetch(`${api.url}/graphql`, {
    method: "POST",
    signal: stop,
    headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${token}` },
    body: JSON.stringify({
      query: "subscription($after: String) { auditEvents(after: $after) { cursor caughtUp node { type } } }",
      variables: { after },
    }),
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end < 0) break;
      const message = text.slice(0, end);
      text = text.slice(end + 2);
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (!message.includes("event: next") || data === undefined) continue;
      const result = JSON.parse(data);
      if (result.errors !== undefined) throw new Error(JSON.stringify(result.errors));
      yield result.data.auditEvents;
    }
  }
}

describe("subscription auditEvents over SSE", () => {
  test("goes on from a cursor without gap or repeat, then live", async () => {
    await operations.resellerCreate(platformCaller, { name: "one" });
    const stop = new AbortController();
    const start = `${await world.store.epoch()}.`;
    const first: Delivery[] = [];
    for await (const delivery of follow(adminToken, start, stop.signal)) {
      first.push(delivery);
      if (first.length === 1) await operations.resellerCreate(platformCaller, { name: "two" });
      if (first.length === 3) break;
    }
    stop.abort();
    assert.deepEqual(
      first.map((delivery) => delivery.node.type),
      ["LogCreated", "ResellerCreated", "ResellerCreated"],
    );
    const again = new AbortController();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for await (const delivery of follow(adminToken, first[1]?.cursor ?? "", again.signal)) {
      assert.equal(delivery.cursor, first[2]?.cursor);
      break;
    }
    again.abort();
  });

  test("one token may hold so many streams; a revoked one's ends", async () => {
    const reseller = await operations.resellerCreate(platformCaller, { name: "three" });
    const scope = { resellerId: reseller.value?.resellerId };
    const made = await operations.tokenCreate(platformCaller, { name: "t", scope });
    const token = made.value?.secret ?? "";
    const stop = new AbortController();
    const start = `${await world.store.epoch()}.`;
    let seen = 0;
    for await (const _delivery of follow(token, start, stop.signal)) {
      seen += 1;
      if (seen > 1) continue;
      const second = await fetch(`${api.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${token}` },
        body: JSON.stringify({ query: "subscription { auditEvents { cursor } }" }),
      });
      assert.equal(second.status, 429);
      assert.match(second.headers.get("retry-after") ?? "", /^\d+$/);
      assert.match(await second.text(), /THROTTLED/);
      await operations.tokenRevoke(platformCaller, { tokenId: made.value?.token?.tokenId ?? "" });
    }
    assert.ok(seen >= 1, "the loop above ends only because the server ends the stream");
    stop.abort();
  });

  test("a cursor below the floor or of another log is refused", async () => {
    await assert.rejects(
      follow(adminToken, "other.0000000000000001", new AbortController().signal).next(),
      /CURSOR_OTHER_LOG/,
    );
    const { data } = await graphql(
      api.url,
      "{ auditEvents(first: 1) { pageInfo { endCursor hasNextPage } nodes { type } } }",
    );
    assert.equal(data.auditEvents.pageInfo.hasNextPage, true);
    const rest = await graphql(
      api.url,
      `{ auditEvents(after: "${data.auditEvents.pageInfo.endCursor}") { nodes { type target { type id } actor { type } } } }`,
    );
    assert.equal(rest.data.auditEvents.nodes[0].type, "ResellerCreated");
  });
});
