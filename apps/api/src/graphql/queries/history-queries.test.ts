import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RunningApi } from "../../ports.ts";
import { type ApiWorld, createApiWorld, graphql, startTestApi } from "../../test-support/api-test-world.ts";

const receipt = "errors { code message } receipt { position eventIds undoToken }";

interface Receipt {
  readonly position: string;
  readonly eventIds: readonly string[];
  readonly undoToken: string | null;
}

describe("the past over GraphQL", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let reseller: string;
  let tenant: string;
  let secret: string;
  const tokens: Record<string, string> = {};
  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world);
    reseller = (await made("resellerCreate", "reseller", 'name: "ISP"')).id;
    tenant = (await made("tenantCreate", "tenant", `resellerId: "${reseller}", name: "Bakery"`)).id;
    for (const scope of [`tenantId: "${tenant}"`, `resellerId: "${reseller}"`]) {
      const input = `name: "x", scope: {${scope}}`;
      const { data } = await ask(`mutation { tokenCreate(input: {${input}}) { secret ${receipt} } }`);
      tokens[scope.split(":")[0] ?? ""] = data.tokenCreate.secret;
    }
    secret = tokens.tenantId ?? "";
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  const ask = (query: string, token?: string) => graphql(api.url, query, token === undefined ? {} : { token });
  async function made(operation: string, object: string, input: string) {
    const { data, text } = await ask(`mutation { ${operation}(input: {${input}}) { ${object} { id } ${receipt} } }`);
    assert.deepEqual(data[operation].errors, [], text);
    return { id: data[operation][object]?.id as string, ...(data[operation].receipt as Receipt) };
  }
  async function set(scope: string, values: string, unset = "[]") {
    const input = `scope: {${scope}}, set: ${values}, unset: ${unset}`;
    const { data, text } = await ask(`mutation { policyUpdate(input: {${input}}) { ${receipt} } }`);
    assert.deepEqual(data.policyUpdate.errors, [], text);
    return data.policyUpdate.receipt as Receipt;
  }
  const at = (position: string) => `{position: "${position}"}`;
  async function settingAt(name: string, asOf: string, token?: string) {
    const query = `{ effectivePolicy(scope: {tenantId: "${tenant}"}, asOf: ${asOf}) { settings { name value scope event } } }`;
    const { data, text } = await ask(query, token);
    assert.ok(data?.effectivePolicy, text);
    return data.effectivePolicy.settings.find((setting: { name: string }) => setting.name === name);
  }

  test("settings at a position and at a time, each with the event that set it; masked above the subtree", async () => {
    const scope = `tenantId: "${tenant}"`;
    const first = await set(scope, '{spf: "reject"}');
    world.advance(10_000);
    const time = `{time: "${new Date(world.deps.clock.now() - 5_000).toISOString()}"}`;
    const second = await set("platform: true", '{spf: "off", quarantineDays: 11}');
    const third = await set(scope, "{}", '["spf"]');
    const own = { name: "spf", value: "reject", scope: tenant, event: first.eventIds[0] };
    for (const asOf of [at(first.position), at(second.position), time]) {
      assert.deepEqual(await settingAt("spf", asOf), own);
      assert.deepEqual(await settingAt("spf", asOf, secret), own);
    }
    const above = { name: "spf", value: "off", scope: "platform", event: second.eventIds[0] };
    assert.deepEqual(await settingAt("spf", at(third.position)), above);
    const masked = { name: "spf", value: "off", scope: "platform policy", event: null };
    assert.deepEqual(await settingAt("spf", at(third.position), secret), masked);
  });

  test("a tenant, its mailboxes, aliases and tokens as they were, and all that they lead to", async () => {
    const domain = await made("domainAdd", "domain", `tenantId: "${tenant}", name: "bakery.example"`);
    const box = await made(
      "mailboxCreate",
      "mailbox",
      `tenantId: "${tenant}", address: "ann@bakery.example", password: "correct horse", quotaBytes: 1000`,
    );
    const alias = await made(
      "aliasAdd",
      "alias",
      `tenantId: "${tenant}", address: "info@bakery.example", targets: ["${box.id}"]`,
    );
    const token = await made("tokenCreate", "token", `name: "panel", scope: {tenantId: "${tenant}"}`);
    await made("mailboxUpdate", "mailbox", `mailboxId: "${box.id}", quotaBytes: 2000, displayName: "Ann"`);
    await made("aliasRemove", "alias", `aliasId: "${alias.id}"`);
    await made("tenantSuspend", "tenant", `tenantId: "${tenant}", reason: ABUSE`);
    await made("tokenRevoke", "token", `tokenId: "${token.id}"`);
    const shown = async (position: string, asker?: string) => {
      const asOf = position === "" ? "" : `, asOf: ${at(position)}`;
      const { data, text } = await ask(
        `{ tenant(by: {id: "${tenant}"}${asOf}) { suspended mailboxes { nodes { quotaBytes displayName tenant { suspended } } } aliases { nodes { address targets { quotaBytes } } } domains { nodes { name } } }
           mailbox(by: {address: "ann@bakery.example"}${asOf}) { quotaBytes } domain(by: {name: "bakery.example"}${asOf}) { id }
           tenants(first: 9${asOf}) { nodes { suspended } } mailboxes(tenantId: "${tenant}"${asOf}) { nodes { quotaBytes } }
           tokens(scope: {tenantId: "${tenant}"}${asOf}) { nodes { id revoked } } }`,
        asker,
      );
      assert.ok(data, text);
      return data;
    };
    for (const asker of [undefined, secret]) {
      const then = await shown(token.position, asker);
      assert.deepEqual(then.tenant, {
        suspended: false,
        mailboxes: { nodes: [{ quotaBytes: 1000, displayName: null, tenant: { suspended: false } }] },
        aliases: { nodes: [{ address: "info@bakery.example", targets: [{ quotaBytes: 1000 }] }] },
        domains: { nodes: [{ name: "bakery.example" }] },
      });
      assert.deepEqual([then.mailbox.quotaBytes, then.domain.id], [1000, domain.id]);
      assert.deepEqual([then.tenants.nodes[0].suspended, then.mailboxes.nodes[0].quotaBytes], [false, 1000]);
      const wasRevoked = (data: { tokens: { nodes: { id: string; revoked: boolean }[] } }) =>
        data.tokens.nodes.find(({ id }) => id === token.id)?.revoked;
      const now = await shown("", asker);
      assert.deepEqual([wasRevoked(then), wasRevoked(now)], [false, true]);
      assert.deepEqual([now.tenant.suspended, now.tenant.aliases.nodes, now.mailbox.quotaBytes], [true, [], 2000]);
    }
    const before = await shown(domain.position);
    assert.deepEqual([before.mailbox, before.tenant.mailboxes.nodes], [null, []]);
  });

  test("a moment outside the log, or none, is refused with what is allowed", async () => {
    const reasonOf = async (asOf: string) => {
      const { errors } = await ask(`{ tenants(asOf: ${asOf}) { nodes { id } } }`);
      return `${errors?.[0]?.extensions.reason}: ${errors?.[0]?.message}`;
    };
    const epoch = await world.store.epoch();
    const range = /allowed is \S+ to \S+\.$/;
    for (const [asOf, expected] of [
      ["{}", /^INVALID_INPUT: asOf has exactly one/],
      ['{position: "x", time: "2026-01-01T00:00:00Z"}', /^INVALID_INPUT/],
      ['{time: "2001-01-01T00:00:00Z"}', /^AS_OF_OUT_OF_RANGE: asOf.time lies before the log's first event/],
      ['{time: "2901-01-01T00:00:00Z"}', /^AS_OF_OUT_OF_RANGE: asOf.time lies in the future/],
      [`{position: "${epoch}.9999999999999999"}`, /^AS_OF_OUT_OF_RANGE: asOf.position lies beyond the log's head/],
      [`{position: "${epoch}."}`, /^AS_OF_OUT_OF_RANGE: asOf.position lies before the log's first event/],
      ['{position: "other.0000000000000001"}', /^CURSOR_OTHER_LOG/],
      ['{position: "nonsense"}', /^POSITION_INVALID/],
    ] as const) {
      const reason = await reasonOf(asOf);
      assert.match(reason, expected, asOf);
      if (reason.startsWith("AS_OF")) assert.match(reason, range);
    }
  });

  test("lists as they were, page by page", async () => {
    const scope = `scope: {tenantId: "${tenant}"}`;
    const added = [];
    for (const pattern of ["@b.example", "@a.example", "@c.example"]) {
      added.push(await made("senderEntryAdd", "entry", `${scope}, list: KILL, pattern: "${pattern}"`));
    }
    const then = added.at(-1)?.position ?? "";
    await made("senderEntryRemove", "entry", `entryId: "${added[0]?.id}"`);
    await made("senderEntryAdd", "entry", `${scope}, list: KILL, pattern: "@c.example", note: "later"`);
    await made("senderEntryAdd", "entry", `${scope}, list: KILL, pattern: "@d.example"`);
    const patterns: string[] = [];
    for (let cursor = ""; ; ) {
      const after = cursor === "" ? "" : `, after: "${cursor}"`;
      const { data } = await ask(
        `{ senderList(${scope}, list: KILL, first: 2${after}, asOf: ${at(then)}) { nodes { ... on SenderEntry { pattern note } } pageInfo { hasNextPage endCursor } } }`,
      );
      const { nodes, pageInfo } = data.senderList;
      for (const { pattern, note } of nodes) patterns.push(`${pattern} ${note}`);
      if (!pageInfo.hasNextPage) break;
      cursor = pageInfo.endCursor;
    }
    assert.deepEqual(patterns, ["@a.example null", "@b.example null", "@c.example null"]);
  });
});
