import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { newId } from "@mailfold/ids";
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
import { createTenantObjects, rejectMail, type TenantObjects } from "./test-support/resellers-test-world.ts";

type Ids = Omit<TenantObjects, "secret">;

const page = "nodes { id }";
const payload = "errors { code message path details } receipt { position }";

/** Every field of the API that takes something foreign, as a document over ids. `own` = the caller's own tenant. */
const probes: Readonly<Record<string, (ids: Ids, own: Ids) => string>> = {
  "node reseller": ({ reseller }) => `{ node(id: "${reseller}") { id } }`,
  "node tenant": ({ tenant }) => `{ node(id: "${tenant}") { id } }`,
  "node domain": ({ domain }) => `{ node(id: "${domain}") { id } }`,
  "node mailbox": ({ mailbox }) => `{ node(id: "${mailbox}") { id } }`,
  "node alias": ({ alias }) => `{ node(id: "${alias}") { id } }`,
  "node token": ({ token }) => `{ node(id: "${token}") { id } }`,
  "node verdict": ({ verdict }) => `{ node(id: "${verdict}") { id } }`,
  "node sender entry": ({ entry }) => `{ node(id: "${entry}") { id } }`,
  "tenant id": ({ tenant }) => `{ tenant(by: {id: "${tenant}"}) { id name } }`,
  "tenant externalId": ({ reseller, externalId }) =>
    `{ tenant(by: {externalId: "${externalId}", resellerId: "${reseller}"}) { id name } }`,
  "tenants resellerId": ({ reseller }) => `{ tenants(resellerId: "${reseller}") { ${page} } }`,
  "domain id": ({ domain }) => `{ domain(by: {id: "${domain}"}) { id name } }`,
  "domain name": ({ domainName }) => `{ domain(by: {name: "${domainName}"}) { id name } }`,
  "mailbox id": ({ mailbox }) => `{ mailbox(by: {id: "${mailbox}"}) { id address } }`,
  "mailbox address": ({ address }) => `{ mailbox(by: {address: "${address}"}) { id address } }`,
  "mailboxes tenantId": ({ tenant }) => `{ mailboxes(tenantId: "${tenant}") { ${page} } }`,
  "mailboxes domainId": ({ domain }) => `{ mailboxes(domainId: "${domain}") { ${page} } }`,
  "mailboxes both": ({ domain }, own) => `{ mailboxes(domainId: "${domain}", tenantId: "${own.tenant}") { ${page} } }`,
  "effectivePolicy tenant": ({ tenant }) =>
    `{ effectivePolicy(scope: {tenantId: "${tenant}"}) { settings { name value } } }`,
  "effectivePolicy domain": ({ domain }) =>
    `{ effectivePolicy(scope: {domainId: "${domain}"}) { settings { name value } } }`,
  "effectivePolicy mailbox": ({ mailbox }) =>
    `{ effectivePolicy(scope: {mailboxId: "${mailbox}"}) { settings { name } } }`,
  "effectivePolicy reseller": ({ reseller }) =>
    `{ effectivePolicy(scope: {resellerId: "${reseller}"}) { settings { name } } }`,
  "senderList tenant": ({ tenant }) => `{ senderList(scope: {tenantId: "${tenant}"}) { ${page} } }`,
  "senderList domain": ({ domain }) => `{ senderList(scope: {domainId: "${domain}"}) { ${page} } }`,
  "verdicts tenant": ({ tenant }) => `{ verdicts(where: {tenantId: "${tenant}"}) { ${page} } }`,
  "verdicts recipient": ({ address }) => `{ verdicts(where: {recipient: "${address}"}) { ${page} } }`,
  "messageTrace reference": ({ verdict }) =>
    `{ messageTrace(where: {reference: "${verdict}"}) { nodes { transactionId } } }`,
  "messageTrace tenant": ({ tenant }) => `{ messageTrace(where: {tenantId: "${tenant}"}) { nodes { transactionId } } }`,
  explain: ({ verdict }) => `{ explain(reference: "${verdict}") { facts verdict { reason trace { step } } } }`,
  "auditEvents tenant": ({ tenant }) =>
    `{ auditEvents(where: {tenant: "${tenant}"}) { ${page} pageInfo { hasNextPage } } }`,
  "auditEvents verdicts": ({ tenant }) =>
    `{ auditEvents(where: {tenant: "${tenant}", types: ["VerdictRecorded"]}) { ${page} } }`,
  "tokens tenant": ({ tenant }) => `{ tokens(scope: {tenantId: "${tenant}"}) { ${page} } }`,
  "tokens reseller": ({ reseller }) => `{ tokens(scope: {resellerId: "${reseller}"}) { ${page} } }`,
  tenantCreate: ({ reseller }) =>
    `mutation { tenantCreate(input: {resellerId: "${reseller}", name: "x"}) { ${payload} } }`,
  tenantSuspend: ({ tenant }) =>
    `mutation { tenantSuspend(input: {tenantId: "${tenant}", reason: ADMIN}) { ${payload} } }`,
  tenantResume: ({ tenant }) => `mutation { tenantResume(input: {tenantId: "${tenant}"}) { ${payload} } }`,
  domainAdd: ({ tenant }) =>
    `mutation { domainAdd(input: {tenantId: "${tenant}", name: "new.example"}) { ${payload} } }`,
  domainVerify: ({ domain }) => `mutation { domainVerify(input: {domainId: "${domain}"}) { ${payload} } }`,
  domainRemove: ({ domain }) => `mutation { domainRemove(input: {domainId: "${domain}"}) { ${payload} } }`,
  mailboxCreate: ({ tenant, domainName }) =>
    `mutation { mailboxCreate(input: {tenantId: "${tenant}", address: "new@${domainName}", password: "correct horse"}) { ${payload} } }`,
  "mailboxCreate in a foreign domain": ({ domainName }, own) =>
    `mutation { mailboxCreate(input: {tenantId: "${own.tenant}", address: "new@${domainName}", password: "correct horse"}) { ${payload} } }`,
  mailboxUpdate: ({ mailbox }) =>
    `mutation { mailboxUpdate(input: {mailboxId: "${mailbox}", quotaBytes: 9}) { ${payload} } }`,
  mailboxSetPassword: ({ mailbox }) =>
    `mutation { mailboxSetPassword(input: {mailboxId: "${mailbox}", password: "correct horse"}) { ${payload} } }`,
  mailboxSuspend: ({ mailbox }) => `mutation { mailboxSuspend(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  mailboxResume: ({ mailbox }) => `mutation { mailboxResume(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  mailboxDelete: ({ mailbox }) => `mutation { mailboxDelete(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  mailboxRestore: ({ mailbox }) => `mutation { mailboxRestore(input: {mailboxId: "${mailbox}"}) { ${payload} } }`,
  aliasAdd: ({ tenant, domainName, mailbox }) =>
    `mutation { aliasAdd(input: {tenantId: "${tenant}", address: "n@${domainName}", targets: ["${mailbox}"]}) { ${payload} } }`,
  "aliasAdd foreign target": ({ mailbox }, own) =>
    `mutation { aliasAdd(input: {tenantId: "${own.tenant}", address: "n@${own.domainName}", targets: ["${mailbox}"]}) { ${payload} } }`,
  aliasRemove: ({ alias }) => `mutation { aliasRemove(input: {aliasId: "${alias}", commandId: "c"}) { ${payload} } }`,
  "policyUpdate tenant": ({ tenant }) =>
    `mutation { policyUpdate(input: {scope: {tenantId: "${tenant}"}, set: {sizeLimitBytes: 70000}}) { ${payload} } }`,
  "policyUpdate domain": ({ domain }) =>
    `mutation { policyUpdate(input: {scope: {domainId: "${domain}"}, set: {sizeLimitBytes: 70000}}) { ${payload} } }`,
  "senderEntryAdd tenant": ({ tenant }) =>
    `mutation { senderEntryAdd(input: {scope: {tenantId: "${tenant}"}, list: KILL, pattern: "192.0.2.1"}) { ${payload} } }`,
  senderEntryRemove: ({ entry }) =>
    `mutation { senderEntryRemove(input: {entryId: "${entry}", commandId: "c"}) { ${payload} } }`,
  "tokenCreate tenant": ({ tenant }) =>
    `mutation { tokenCreate(input: {name: "x", scope: {tenantId: "${tenant}"}}) { secret ${payload} } }`,
  "tokenCreate reseller": ({ reseller }) =>
    `mutation { tokenCreate(input: {name: "x", scope: {resellerId: "${reseller}"}}) { secret ${payload} } }`,
  "tokenCreate rotates": ({ token }, own) =>
    `mutation { tokenCreate(input: {name: "x", scope: {tenantId: "${own.tenant}"}, rotates: "${token}"}) { secret ${payload} } }`,
  tokenRevoke: ({ token }) => `mutation { tokenRevoke(input: {tokenId: "${token}"}) { ${payload} } }`,
};

/** Fields that take nothing foreign; each is probed by what it shows instead. */
const withoutForeign = new Set(
  "viewer resellers projections resellerCreate projectionRebuild backupCreate feedTicketCreate".split(" "),
);

function missing(): Ids {
  const name = `missing-${Math.random().toString(36).slice(2, 8)}.example`;
  return {
    reseller: newId("reseller"),
    tenant: newId("tenant"),
    domain: newId("domain"),
    domainName: name,
    mailbox: newId("mailbox"),
    address: `user@${name}`,
    alias: newId("alias"),
    token: newId("token"),
    entry: newId("senderEntry"),
    verdict: newId("verdict"),
    externalId: "ext-missing",
  };
}

describe("tenant isolation", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let a: TenantObjects;
  let sibling: TenantObjects;
  let b: TenantObjects;
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
    a = await createTenantObjects(world, resellers[0] ?? "", "a");
    sibling = await createTenantObjects(world, resellers[0] ?? "", "sibling");
    b = await createTenantObjects(world, resellers[1] ?? "", "b");
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
    const roles: readonly [role: string, foreign: TenantObjects][] = [
      ["tenant A", b],
      ["tenant A", sibling],
      ["reseller A", b],
      ["reseller B", a],
      ["reseller B", sibling],
    ];
    for (const [role, foreign] of roles) {
      const own = role === "reseller B" ? b : a;
      for (const [name, probe] of Object.entries(probes)) {
        // A sibling's reseller is the caller's own: only what is foreign is probed.
        if (role === "tenant A" && foreign === sibling && name === "tenants resellerId") continue;
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
    let found = 0;
    for (const [, probe] of reads) {
      const [own, none] = [await ask(a.secret, probe(a, a)), await ask(a.secret, probe(missing(), a))];
      if (own.text !== none.text) found += 1;
    }
    assert.ok(found >= reads.length - 5, `${found} of ${reads.length}`);
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
});

describe("explain", () => {
  test("recomputes the trace, also after the policy has changed; hides what is above the reader", async () => {
    const world = await createApiWorld();
    const api = await startTestApi(world);
    try {
      const operations = createOperations(world.deps);
      const made = await operations.resellerCreate(platformCaller, { name: "A" });
      await operations.policyUpdate(platformCaller, {
        scope: { platform: true },
        set: { maxRecipientsPerMessage: 50 },
      });
      const objects = await createTenantObjects(world, made.value?.resellerId ?? "", "a");
      const query = `{ explain(reference: "${objects.verdict}") { reference counterfactual facts
        verdict { reason action code text scope traceIsExact trace { step outcome setting setAtScope byEvent detail } } } }`;
      const first = await graphql(api.url, query, { token: objects.secret });
      const { verdict, facts, counterfactual } = first.data.explain;
      assert.equal(counterfactual, null);
      assert.deepEqual(
        [verdict.action, verdict.reason, verdict.traceIsExact],
        ["reject", verdict.reason, true],
        first.text,
      );
      assert.equal(facts.sender.address, "eve@spam.example");
      assert.ok(verdict.trace.length > 0);
      assert.ok(verdict.trace.some((line: { setAtScope: string }) => line.setAtScope === objects.tenant));
      assert.ok(verdict.trace.every((line: { setAtScope: string }) => line.setAtScope !== "platform"));
      await operations.senderEntryRemove(platformCaller, { entryId: objects.entry });
      const later = await graphql(api.url, query, { token: objects.secret });
      assert.deepEqual(later.data, first.data);
      const listed = await graphql(
        api.url,
        `{ verdicts { nodes { reference } } messageTrace(where: {sender: "Eve@spam.example"}) { nodes { verdicts { reference } } } node(id: "${objects.verdict}") { __typename } }`,
        { token: objects.secret },
      );
      assert.equal(listed.data.verdicts.nodes[0].reference, objects.verdict);
      assert.equal(listed.data.messageTrace.nodes[0].verdicts[0].reference, objects.verdict);
      assert.equal(listed.data.node.__typename, "Verdict");
      const all = await graphql(api.url, `{ verdicts(where: {sender: "eve@spam.example"}) { nodes { reference } } }`);
      assert.equal(all.data.verdicts.nodes.length, 1);
      await operations.senderEntryAdd(platformCaller, {
        scope: { platform: true },
        list: "kill",
        pattern: "@spam.example",
      });
      const { tenant, domain, ...rest } = objects;
      const reference = await rejectMail(world, { tenantId: tenant, domainId: domain, ...rest });
      const above = `{ explain(reference: "${reference}") { verdict { scope policyEvent traceIsExact trace { setAtScope byEvent detail } } } }`;
      const asTenant = (await graphql(api.url, above, { token: objects.secret })).data.explain.verdict;
      assert.equal(asTenant.scope, "platform policy");
      assert.equal(asTenant.policyEvent, null);
      assert.deepEqual(asTenant.trace.at(-1), { setAtScope: "platform policy", byEvent: null, detail: null });
      const asPlatform = (await graphql(api.url, above)).data.explain.verdict;
      assert.equal(asPlatform.scope, "platform");
      assert.match(asPlatform.trace.at(-1).byEvent, /^evt_/);
    } finally {
      await api.close();
      await world.close();
    }
  });
});
