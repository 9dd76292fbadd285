import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { buildApiSchema } from "./graphql/schema.ts";
import { createOperations } from "./operations/create-operations.ts";
import type { RunningApi } from "./ports.ts";
import {
  type ApiWorld,
  adminToken,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "./test-support/api-test-world.ts";
import { missing, page, payload, probes } from "./test-support/foreign-probes-test-world.ts";
import { type LearnedObjects, learnOf } from "./test-support/learned-listings-test-world.ts";
import { createTenantObjects } from "./test-support/resellers-test-world.ts";

/**
 * Fields that take nothing foreign; each is probed by what it shows instead. Simulations are nobody's but the token's that
 * began them: simulation-queries.test.ts.
 */
const withoutForeign = new Set(
  (
    "viewer resellers projections sealRecord resellerCreate projectionRebuild backupCreate feedTicketCreate " +
    "simulation simulationCancel"
  ).split(" "),
);

describe("tenant isolation", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let a: LearnedObjects;
  let sibling: LearnedObjects;
  let b: LearnedObjects;
  const secrets: Record<string, string> = {};
  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world, { limits: { authFailuresPerMinute: 10_000 } });
    const operations = createOperations(world.deps);
    const resellers: string[] = [];
    for (const name of ["A", "B"]) {
      const made = await operations.resellerCreate(platformCaller, { name, externalId: name });
      const resellerId = made.value?.resellerId ?? "";
      resellers.push(resellerId);
      const token = await operations.tokenCreate(platformCaller, { name, scope: { resellerId } });
      secrets[`reseller ${name}`] = token.value?.secret ?? "";
    }
    a = await learnOf(world, await createTenantObjects(world, resellers[0] ?? "", "a"));
    sibling = await learnOf(world, await createTenantObjects(world, resellers[0] ?? "", "sibling"));
    b = await learnOf(world, await createTenantObjects(world, resellers[1] ?? "", "b"));
    secrets["tenant A"] = a.secret;
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  async function ask(token: string, query: string) {
    const answer = await graphql(api.url, query, { token });
    return { status: answer.status, text: answer.text.replaceAll(/req_[\w-]+/g, "req") };
  }

  test("every operation has a probe", () => {
    const named = new Set(Object.keys(probes).map((name) => name.split(" ")[0]));
    const schema = buildApiSchema();
    for (const type of [schema.getQueryType(), schema.getMutationType()]) {
      for (const field of Object.keys(type?.getFields() ?? {})) {
        assert.ok(named.has(field) || withoutForeign.has(field), `${field} has no probe`);
      }
    }
  });

  test("foreign answers byte for byte like missing, and nothing is written", async () => {
    const head = await world.store.head();
    let count = 0;
    const roles: readonly [role: string, foreign: LearnedObjects][] = [
      ["tenant A", b],
      ["tenant A", sibling],
      ["reseller A", b],
      ["reseller B", a],
      ["reseller B", sibling],
    ];
    for (const [role, foreign] of roles) {
      const own = role === "reseller B" ? b : a;
      for (const [name, probe] of Object.entries(probes)) {
        // The siblings' reseller is the tenant's own: that its id opens nothing is tested below, as it is no foreign one.
        if (role === "tenant A" && foreign === sibling && name.startsWith("tenants ")) continue;
        const token = secrets[role] ?? "";
        const [seen, unseen] = [await ask(token, probe(foreign, own)), await ask(token, probe(missing(), own))];
        assert.deepEqual(seen, unseen, `${role}: ${name}`);
        count += 2;
      }
    }
    for (const [name, probe] of Object.entries(probes)) {
      const { status, text } = await ask("mf_nobody", probe(a, a));
      assert.equal(status, 401, name);
      assert.ok(text.includes("UNAUTHENTICATED"));
      count += 1;
    }
    assert.equal(await world.store.head(), head, "a probe wrote something");
    assert.ok(count >= 500, `${count} probes`);
  });

  test("the same probes find what is the caller's own: they can fail", async () => {
    const reads = Object.entries(probes).filter(([, probe]) => !probe(a, a).startsWith("mutation"));
    const blind: string[] = [];
    for (const [name, probe] of reads) {
      const [own, none] = [await ask(a.secret, probe(a, a)), await ask(a.secret, probe(missing(), a))];
      if (own.text === none.text) blind.push(name);
    }
    // A tenant's own reseller is as out of reach as any.
    assert.deepEqual(
      blind.filter((name) => !name.endsWith("reseller")),
      [],
    );
  });

  test("platform matters are forbidden to others, whatever they name", async () => {
    for (const role of ["tenant A", "reseller A"]) {
      for (const query of [
        "{ projections { name } }",
        `{ resellers { ${page} } }`,
        `mutation { resellerCreate(input: {name: "x"}) { ${payload} } }`,
        `mutation { projectionRebuild(input: {name: "directory"}) { errors { code } } }`,
        `mutation { backupCreate(input: {directory: "/tmp/x"}) { errors { code } } }`,
        `mutation { tokenCreate(input: {name: "x", scope: {platform: true}}) { ${payload} } }`,
        `mutation { policyUpdate(input: {scope: {platform: true}, set: {unlocks: ["anyone"]}}) { ${payload} } }`,
        `mutation { policyUpdate(input: {scope: {platform: true}, limits: {spf: {locked: true}}}) { ${payload} } }`,
        `mutation { policyUpdate(input: {scope: {platform: true}, unsetLimits: ["spf"]}) { ${payload} } }`,
        "{ effectivePolicy(scope: {platform: true}) { settings { name } } }",
        "{ senderList(scope: {platform: true}) { nodes { id } } }",
      ]) {
        const { text } = await ask(secrets[role] ?? "", query);
        assert.ok(text.includes('"FORBIDDEN"'), `${role}: ${query}: ${text}`);
      }
    }
    const { text } = await ask(
      a.secret,
      `mutation { domainVerify(input: {domainId: "${a.domain}", method: PLATFORM}) { ${payload} } }`,
    );
    assert.ok(text.includes('"FORBIDDEN"'));
  });

  test("lists show the subtree alone", async () => {
    const tenants = async (token: string) =>
      (await graphql(api.url, `{ tenants { ${page} } }`, { token })).data.tenants.nodes.map(
        (node: { id: string }) => node.id,
      );
    assert.deepEqual(await tenants(a.secret), [a.tenant]);
    assert.deepEqual((await tenants(secrets["reseller A"] ?? "")).sort(), [a.tenant, sibling.tenant].sort());
    assert.equal((await tenants(adminToken)).length, 3);
    const events = await graphql(api.url, "{ auditEvents(first: 100) { nodes { tenantId type data } } }", {
      token: a.secret,
    });
    assert.ok(events.data.auditEvents.nodes.length > 5, events.text);
    assert.ok(events.data.auditEvents.nodes.every((event: { tenantId: string }) => event.tenantId === a.tenant));
  });

  test("a tenant neither reads nor sets its own reseller's scope: it answers like one that is missing", async () => {
    const above = Object.entries(probes).filter(([name]) =>
      /^(effectivePolicy|senderList|policyUpdate|senderEntryAdd) .*reseller/.test(name),
    );
    assert.ok(above.length >= 5);
    const head = await world.store.head();
    for (const [name, probe] of above) {
      assert.deepEqual(await ask(a.secret, probe(a, a)), await ask(a.secret, probe(missing(), a)), name);
      const asReseller = await ask(
        secrets["reseller A"] ?? "",
        probe(a, a).replace("input: {", "input: {dryRun: true, "),
      );
      assert.doesNotMatch(asReseller.text, /NOT_FOUND|":null}}/, `${name}: the reseller itself may`);
    }
    assert.equal(await world.store.head(), head);
  });

  test("what a reseller and the platform set and limit shows in a tenant's policy without who, and in no feed of its", async () => {
    const reseller = secrets["reseller A"] ?? "";
    const run = async (token: string, scope: string, change: string) => {
      const query = `mutation { policyUpdate(input: {scope: {${scope}}, ${change}}) { ${payload.replace("position", "eventIds")} } }`;
      const { policyUpdate } = (await graphql(api.url, query, { token })).data;
      assert.deepEqual(policyUpdate.errors, []);
      return policyUpdate.receipt.eventIds.at(-1) as string;
    };
    const limited = await run(reseller, `resellerId: "${a.reseller}"`, "limits: {greylist: {min: 60, max: 600}}");
    const locked = await run(adminToken, "platform: true", 'set: {spf: "reject"}, limits: {spf: {locked: true}}');
    const below = await run(a.secret, `tenantId: "${a.tenant}"`, "limits: {greylist: {max: 300}}");
    const shown = async (token: string, scope: string) => {
      const query = `{ effectivePolicy(scope: {${scope}}) { settings { name value scope event limit { scope event locked min max } limitBelow { scope event max } } } }`;
      const { text, data } = await graphql(api.url, query, { token });
      const named = (name: string) =>
        data.effectivePolicy.settings.find((each: { name: string }) => each.name === name);
      return { text, spf: named("spf"), greylist: named("greylist") };
    };
    const tenant = await shown(a.secret, `tenantId: "${a.tenant}"`);
    const hidden = { scope: "platform policy", event: null };
    const none = { min: null, max: null };
    const setting = { ...hidden, value: "reject", name: "spf", limitBelow: null };
    assert.deepEqual(tenant.spf, { ...setting, limit: { ...hidden, ...none, locked: true } });
    assert.deepEqual(tenant.greylist.limit, { ...hidden, locked: false, min: 60, max: 600 });
    assert.deepEqual(tenant.greylist.limitBelow, { scope: a.tenant, event: below, max: 300 });
    for (const secret of [limited, locked, a.reseller]) assert.ok(!tenant.text.includes(secret));
    const mailbox = await shown(a.secret, `mailboxId: "${a.mailbox}"`);
    assert.deepEqual(mailbox.greylist.limit, { ...hidden, locked: false, min: 60, max: 300 });
    const asReseller = await shown(reseller, `mailboxId: "${a.mailbox}"`);
    assert.deepEqual(asReseller.greylist.limit, {
      scope: a.reseller,
      event: limited,
      locked: false,
      min: 60,
      max: 300,
    });
    assert.deepEqual(asReseller.spf.limit, { ...hidden, ...none, locked: true });
    const asPlatform = await shown(adminToken, `mailboxId: "${a.mailbox}"`);
    assert.deepEqual(asPlatform.spf.limit, { scope: "platform", event: locked, ...none, locked: true });
    const query = `{ auditEvents(first: 100, where: {types: ["PolicyLimitsChanged"]}) { nodes { id } } }`;
    const seen = async (token: string) =>
      (await graphql(api.url, query, { token })).data.auditEvents.nodes.map(({ id }: { id: string }) => id);
    assert.deepEqual(await seen(a.secret), [below]);
    assert.deepEqual(await seen(sibling.secret), []);
    assert.deepEqual((await seen(reseller)).sort(), [limited, below].sort());
    for (const id of [limited, locked]) {
      const { text } = await ask(a.secret, `{ node(id: "${id}") { id } }`);
      assert.equal(text, (await ask(a.secret, `{ node(id: "evt_00000000000000000000000000") { id } }`)).text);
    }
  });
});
