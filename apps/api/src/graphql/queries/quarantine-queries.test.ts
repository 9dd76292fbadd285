import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createOperations } from "../../operations/create-operations.ts";
import type { RunningApi } from "../../ports.ts";
import {
  type ApiWorld,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../../test-support/api-test-world.ts";
import { holdMail } from "../../test-support/held-mail-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../../test-support/resellers-test-world.ts";

const dayMs = 86_400_000;

describe("quarantine over GraphQL", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let acme: TenantObjects;
  let other: TenantObjects;
  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world);
    const made = await createOperations(world.deps).resellerCreate(platformCaller, { name: "ISP" });
    acme = await createTenantObjects(world, made.value?.resellerId ?? "", "acme");
    other = await createTenantObjects(world, made.value?.resellerId ?? "", "other");
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  const ask = (query: string, variables: Record<string, unknown> = {}, token = acme.secret) =>
    graphql(api.url, query, { token, variables });
  async function idsOf(scope: string, where = "", token = acme.secret): Promise<string[] | null> {
    const { data, text } = await ask(
      `{ quarantine(scope: {${scope}}, where: {${where}}) { nodes { id } } }`,
      {},
      token,
    );
    assert.ok(data !== null, text);
    return data.quarantine?.nodes.map((node: { id: string }) => node.id) ?? null;
  }

  test("an entry says what an admin needs, and shows its words without anything to render", async () => {
    const message = [
      "Subject: =?utf-8?Q?W=C3=A4tches?=",
      "Content-Type: multipart/mixed; boundary=x",
      "",
      "--x",
      "Content-Type: text/html",
      "",
      '<p>Dear <b>friend</b></p><img src="https://track.example/1.gif"><script>alert(1)</script>',
      "--x",
      "Content-Type: application/pdf; name=bill.pdf",
      "",
      "%PDF",
      "--x--",
      "",
    ].join("\r\n");
    const { id } = await holdMail(world, acme, { message, subject: "Wätches", verdictId: acme.verdict as never });
    const { data } = await ask(
      `query($id: ID!) { node(id: $id) { ... on QuarantineEntry { id kind status recipient sender subject sizeBytes score reason attempts judgeAgainAt
        settledAt tenantId mailbox { address } verdict { reference action }
        preview { headers { name value } text attachments { name contentType sizeBytes } truncated } } } }`,
      { id },
    );
    const { preview, sizeBytes, ...entry } = data.node;
    assert.ok(sizeBytes > message.length);
    assert.deepEqual(entry, {
      id,
      kind: "QUARANTINED",
      status: "HELD",
      recipient: acme.address,
      sender: "eve@spam.example",
      subject: "Wätches",
      score: 7.5,
      reason: "spam-score",
      attempts: 0,
      judgeAgainAt: null,
      settledAt: null,
      tenantId: acme.tenant,
      mailbox: { address: acme.address },
      verdict: { reference: acme.verdict, action: "reject" },
    });
    assert.equal(preview.text, "Dear friend");
    assert.deepEqual(preview.headers.slice(0, 3), [
      { name: "return-path", value: "<eve@spam.example>" },
      { name: "delivered-to", value: acme.address },
      { name: "subject", value: "Wätches" },
    ]);
    assert.deepEqual(preview.attachments, [{ name: "bill.pdf", contentType: "application/pdf", sizeBytes: 4 }]);
    assert.equal(preview.truncated, false);
  });

  test("lists by scope, of the caller's subtree alone", async () => {
    const mine = await idsOf(`tenantId: "${acme.tenant}"`);
    assert.ok(mine?.includes(acme.hold));
    for (const scope of [`domainId: "${acme.domain}"`, `mailboxId: "${acme.mailbox}"`]) {
      assert.deepEqual(await idsOf(scope), mine, scope);
    }
    assert.equal(await idsOf(`tenantId: "${other.tenant}"`), null);
    assert.equal(await idsOf(`resellerId: "${acme.reseller}"`), null, "a tenant's token does not see its reseller");
    const all = (await graphql(api.url, `{ quarantine(scope: {platform: true}) { nodes { id } } }`)).data.quarantine
      .nodes;
    assert.ok([acme.hold, other.hold].every((id) => all.some((node: { id: string }) => node.id === id)));
    const forbidden = await ask("{ quarantine(scope: {platform: true}) { nodes { id } } }");
    assert.equal(forbidden.errors[0].extensions.code, "FORBIDDEN");
    assert.equal((await ask(`{ node(id: "${other.hold}") { id } }`)).data.node, null);
  });

  test("narrows, and pages from the newest on", async () => {
    const scope = `mailboxId: "${other.mailbox}"`;
    const token = other.secret;
    const [a, b, c] = [
      await holdMail(world, other, { kind: "discarded", sender: "Boss@Corp.example".toLowerCase() }),
      await holdMail(world, other, { kind: "deferred", judgeAgainAt: world.deps.clock.now() + dayMs, reason: "full" }),
      await holdMail(world, other, { subject: "100% CHEAP", expiresAt: world.deps.clock.now() + dayMs }),
    ];
    const cases: readonly (readonly [where: string, found: readonly string[]])[] = [
      ["kind: DISCARDED", [a.id]],
      ["kind: DEFERRED, status: HELD", [b.id]],
      [`sender: "BOSS@corp.example"`, [a.id]],
      [`reason: "full"`, [b.id]],
      [`text: "100% cheap"`, [c.id]],
      [`recipient: "${other.address}", status: HELD`, [c.id, b.id, a.id, other.hold]],
      [`to: "2020-01-01T00:00:00Z"`, []],
      ["status: RELEASED", []],
    ];
    for (const [where, found] of cases) assert.deepEqual(await idsOf(scope, where, token), found, where);
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const query = `query($after: String) { quarantine(scope: {${scope}}, first: 3, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }`;
      const answer: { nodes: { id: string }[]; pageInfo: { endCursor: string; hasNextPage: boolean } } = (
        await ask(query, { after }, token)
      ).data.quarantine;
      seen.push(...answer.nodes.map((node) => node.id));
      after = answer.pageInfo.endCursor;
      more = answer.pageInfo.hasNextPage;
    }
    assert.deepEqual(seen, [c.id, b.id, a.id, other.hold]);
  });

  test("release and delete over GraphQL, each copy with its result; the feed's events say who did it", async () => {
    const [a, b] = [await holdMail(world, acme), await holdMail(world, acme)];
    const release = `mutation($ids: [ID!]!) { quarantineRelease(input: {ids: $ids, acceptSender: true}) {
      results { id entry { status settledAt preview { text } } accepted { pattern scope { kind } } errors { code path } } errors { code } receipt { position events { type } } } }`;
    const { quarantineRelease } = (await ask(release, { ids: [a.id, other.hold] })).data;
    assert.deepEqual(quarantineRelease.errors, []);
    const [done, foreign] = quarantineRelease.results;
    assert.equal(done.entry.status, "RELEASED");
    assert.deepEqual(done.accepted, { pattern: "eve@spam.example", scope: { kind: "MAILBOX" } });
    assert.deepEqual(foreign, {
      id: other.hold,
      entry: null,
      accepted: null,
      errors: [{ code: "NOT_FOUND", path: ["ids"] }],
    });
    const { data } = await ask(
      `mutation($ids: [ID!]!) { quarantineDelete(input: {ids: $ids}) { results { entry { status } errors { code } } receipt { position } } }`,
      { ids: [b.id, a.id] },
    );
    const [deleted, again] = data.quarantineDelete.results;
    assert.deepEqual([deleted.entry.status, again.errors], ["DELETED", [{ code: "HOLD_SETTLED" }]]);
    const waitFor = data.quarantineDelete.receipt.position;
    const shown = `{ quarantine(scope: {mailboxId: "${acme.mailbox}"}, waitFor: "${waitFor}") { nodes { id status preview { text } settledBy } } }`;
    const nodes = (await ask(shown)).data.quarantine.nodes;
    for (const [id, status] of [
      [a.id, "RELEASED"],
      [b.id, "DELETED"],
    ]) {
      const node = nodes.find((each: { id: string }) => each.id === id);
      assert.deepEqual([node.status, node.preview, node.settledBy], [status, null, acme.token]);
    }
    const types = `["HeldMessageReleased", "HeldMessageDeleted"]`;
    const audit = `{ auditEvents(where: {types: ${types}}) { nodes { type tenantId actor { id } target { type } data } } }`;
    const events = (await ask(audit)).data.auditEvents.nodes;
    assert.deepEqual(
      events.map((event: { type: string }) => event.type),
      ["HeldMessageReleased", "HeldMessageDeleted"],
    );
    assert.ok(events.every((event: { actor: { id: string } }) => event.actor.id === acme.token));
    const foreignEvents = (await ask(audit, {}, other.secret)).data.auditEvents.nodes;
    assert.deepEqual(foreignEvents, []);
  });

  test("past its time an entry is expired, without a preview", async () => {
    const { id } = await holdMail(world, acme, { expiresAt: world.deps.clock.now() + dayMs });
    world.advance(dayMs);
    const { data } = await ask(`{ node(id: "${id}") { ... on QuarantineEntry { status preview { text } } } }`);
    assert.deepEqual(data.node, { status: "EXPIRED", preview: null });
    assert.ok(!(await idsOf(`tenantId: "${acme.tenant}"`, "status: HELD"))?.includes(id));
  });
});
