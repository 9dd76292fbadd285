import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { RunningApi } from "../../ports.ts";
import { type ApiWorld, createApiWorld, graphql, startTestApi } from "../../test-support/api-test-world.ts";

let world: ApiWorld;
let api: RunningApi & { url: string };
const tenantId = newId("tenant");
const sent: { transactionId: string; references: string[] }[] = [];

/** One mail to `count` recipients, as the SMTP edge records it. */
async function recordMail(number: number, recipients: number): Promise<void> {
  const transactionId = newId("message");
  const references = Array.from({ length: recipients }, () => newId("verdict"));
  const at = world.deps.clock.now();
  const events = references.map((verdictId, index) => ({
    id: crypto.randomUUID(),
    type: "VerdictRecorded",
    occurredAt: at,
    metadata: { tenantId, actor: { type: "peer", id: "192.0.2.9" } } as const,
    data: {
      verdictId,
      transactionId,
      action: "accept",
      code: 250,
      enhancedCode: "2.0.0",
      text: "OK",
      reason: "accepted",
      phase: "data",
      scope: "default",
      engineVersion: 1,
      decisiveLine: { step: "recipient" },
      messageIdHeader: `<${number}@sender.example>`,
      facts: { ip: "192.0.2.9", sender: { address: "s@x.test" }, recipient: { address: `r${index}@a.test` } },
    },
  }));
  await world.store.append({ stream: streams.verdict(tenantId, at), expected: "any", events });
  sent.push({ transactionId, references });
}

before(async () => {
  world = await createApiWorld();
  api = await startTestApi(world);
  for (const [number, recipients] of [1, 3, 3, 2].entries()) await recordMail(number, recipients);
  await world.fold();
});
after(async () => {
  await api.close();
  await world.close();
});

const trace = async (where: string, page = "") => {
  const { data, text } = await graphql(
    api.url,
    `{ messageTrace(where: {${where}} ${page}) { pageInfo { hasNextPage endCursor } nodes { id transactionId verdicts { reference } } } }`,
  );
  assert.ok(data?.messageTrace, text);
  return data.messageTrace;
};
const ids = (found: { nodes: { transactionId: string }[] }) => found.nodes.map((node) => node.transactionId);

describe("messageTrace", () => {
  test("finds a mail by what people have: sender, recipient, Message-ID, a reference, the id of a 250", async () => {
    const [, second] = sent;
    const only = [second?.transactionId];
    assert.deepEqual(ids(await trace(`reference: "${second?.references[1]}"`)), only);
    assert.deepEqual(ids(await trace(`reference: "${second?.transactionId}"`)), only);
    assert.deepEqual(ids(await trace('messageId: "1@sender.example"')), only);
    assert.deepEqual(ids(await trace('messageId: "<1@sender.example>"')), only);
    assert.deepEqual(ids(await trace(`sender: "S@X.test", tenantId: "${tenantId}"`)).length, 4);
    assert.deepEqual(ids(await trace('recipient: "R2@a.test"')).length, 2);
    assert.deepEqual(ids(await trace(`reference: "${newId("message")}"`)), []);
    const { data } = await graphql(api.url, `{ node(id: "${second?.transactionId}") { __typename id } }`);
    assert.deepEqual(data.node, { __typename: "MessageTrace", id: second?.transactionId });
  });

  test("explain takes the id of a 250, too", async () => {
    const { data } = await graphql(
      api.url,
      `{ explain(reference: "${sent[1]?.transactionId}") { verdict { reference } } }`,
    );
    assert.deepEqual(data.explain, { verdict: { reference: sent[1]?.references.at(-1) } });
    const none = await graphql(api.url, `{ explain(reference: "${newId("message")}") { verdict { reference } } }`);
    assert.equal(none.data.explain, null);
  });

  for (const tenant of ["", `, tenantId: "${tenantId}"`]) {
    test(`pages end inside a transaction and still show each one once${tenant && ", from rows"}`, async () => {
      const seen: string[] = [];
      let cursor = "";
      for (let pages = 0; pages < 20; pages += 1) {
        const found = await trace(`sender: "s@x.test"${tenant}`, `, first: 2${cursor && `, after: "${cursor}"`}`);
        seen.push(...ids(found));
        cursor = found.pageInfo.endCursor;
        if (!found.pageInfo.hasNextPage) break;
      }
      assert.deepEqual(seen, sent.map((mail) => mail.transactionId).reverse());
    });
  }
});
