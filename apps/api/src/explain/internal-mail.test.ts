import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import { createOperations } from "../operations/create-operations.ts";
import type { RunningApi } from "../ports.ts";
import {
  type ApiWorld,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../test-support/api-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../test-support/resellers-test-world.ts";

describe("mail from one tenant's login to another's mailbox", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let sending: TenantObjects;
  let receiving: TenantObjects;
  let stranger: TenantObjects;
  let verdictId: string;
  const transactionId = newId("message");
  const secret = "hush";

  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world);
    const operations = createOperations(world.deps);
    const made = await operations.resellerCreate(platformCaller, { name: "A" });
    const reseller = made.value?.resellerId ?? "";
    sending = await createTenantObjects(world, reseller, "sending");
    receiving = await createTenantObjects(world, reseller, "receiving");
    stranger = await createTenantObjects(world, reseller, "stranger");
    verdictId = await record();
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  function domainOf({ domain, domainName, reseller, tenant }: TenantObjects) {
    return { domainId: domain, tenantId: tenant, resellerId: reseller, name: domainName, verified: true };
  }

  /** Taken, and put into Junk by what the recipient's filters found, as the SMTP edge records it. */
  async function record(): Promise<string> {
    const id = newId("verdict");
    const at = world.deps.clock.now();
    const { address, mailbox, reseller, tenant } = receiving;
    const login = { mailboxId: sending.mailbox, tenantId: sending.tenant, resellerId: reseller };
    const found = { kind: "local", domain: domainOf(receiving), targets: [{ mailboxId: mailbox, address }] };
    const facts = {
      at,
      ip: "192.0.2.9",
      login: { ...login, domainId: sending.domain, address: sending.address, ownAddresses: [sending.address] },
      sender: { address: sending.address, form: "plain" },
      recipient: { address, form: "plain", found, acceptedBefore: 0 },
      content: {
        ...{
          sizeBytes: 9,
          from: [sending.address],
          replyTo: [],
          fromCount: 1,
          received: 0,
          deliveredTo: [],
          broken: false,
        },
        classifier: { verdict: "spam", probability: 1, tokens: [secret] },
        rules: { actions: [], matched: [{ rule: secret, scope: "tenant", line: secret }], undecided: [] },
        findings: [{ check: "phrases", name: secret, score: 9, detail: secret }],
      },
    };
    const data = {
      verdictId: id,
      transactionId,
      ...{ action: "junk", code: 250, enhancedCode: "2.0.0", text: "OK", reason: "spam-junk", phase: "data" },
      scope: tenant,
      engineVersion: 4,
      decisiveLine: { step: "score", setAtScope: tenant, detail: `9 points: phrases/${secret}` },
      facts,
    };
    const actor = { type: "mailbox", id: sending.mailbox };
    const metadata = { tenantId: tenant, resellerId: reseller, actor, context: { ip: "192.0.2.9" } } as never;
    const event = { id: crypto.randomUUID(), type: "VerdictRecorded", data, metadata, occurredAt: at };
    await world.store.append({ stream: streams.verdict(tenant as never, at), expected: "any", events: [event] });
    await world.fold();
    return id;
  }

  const ask = (of: TenantObjects, query: string) => graphql(api.url, query, { token: of.secret });
  const explain = () => `{ explain(reference: "${verdictId}") { facts counterfactual listingId
    verdict { action reason code text scope tenantId trace { step setAtScope detail } } } }`;
  const verdicts = async (of: TenantObjects, where: string): Promise<readonly string[]> => {
    const { data } = await ask(of, `{ verdicts(where: {${where}}) { nodes { reference action } } }`);
    const nodes = data.verdicts.nodes as { reference: string; action: string }[];
    return nodes.filter(({ reference }) => reference === verdictId).map(({ action }) => action);
  };

  test("the recipient's tenant explains it whole, but for who the sender is here", async () => {
    const { data, text } = await ask(receiving, explain());
    const { facts, verdict } = data.explain;
    assert.deepEqual([verdict.action, verdict.reason, verdict.tenantId], ["junk", "spam-junk", receiving.tenant], text);
    assert.equal(verdict.trace.at(-1).detail, `9 points: phrases/${secret}`);
    assert.deepEqual(facts.content.classifier.tokens, [secret]);
    assert.equal(facts.login, null);
    for (const id of [sending.tenant, sending.domain, sending.mailbox]) assert.equal(text.includes(id), false, text);
    assert.deepEqual(await verdicts(receiving, 'reason: "spam-junk"'), ["junk"]);
  });

  test("the sender's tenant finds it as its user was told, and nothing of the recipient's", async () => {
    const { data, text } = await ask(sending, explain());
    const { counterfactual, facts, verdict } = data.explain;
    assert.deepEqual([verdict.action, verdict.reason, verdict.code], ["accept", "accepted", 250], text);
    assert.deepEqual([verdict.scope, verdict.tenantId], ["platform policy", null]);
    assert.equal(facts.login.mailboxId, sending.mailbox);
    assert.deepEqual([counterfactual.none, counterfactual.change, counterfactual.today], ["above", null, null]);
    for (const hidden of [secret, "junk", receiving.tenant, receiving.domain, receiving.mailbox]) {
      assert.equal(text.includes(hidden), false, `${hidden} in ${text}`);
    }
    const traces = await ask(
      sending,
      `{ messageTrace(where: {reference: "${verdictId}"}) { nodes { verdicts { action } steps { kind } } }
        node(id: "${verdictId}") { ... on Verdict { reason } } }`,
    );
    assert.deepEqual(traces.data.messageTrace.nodes, [{ verdicts: [{ action: "accept" }], steps: [] }]);
    assert.equal(traces.data.node.reason, "accepted");
    assert.deepEqual(await verdicts(sending, `recipient: "${receiving.address}"`), ["accept"]);
  });

  test("what became of it is not found out by asking for it", async () => {
    for (const where of [
      'action: "junk"',
      'reason: "spam-junk"',
      `transactionId: "${transactionId}", action: "junk"`,
    ]) {
      assert.deepEqual(await verdicts(sending, where), [], where);
    }
    assert.deepEqual(await verdicts(sending, `transactionId: "${transactionId}", action: "accept"`), []);
  });

  test("to anybody else there is no such mail", async () => {
    const { data } = await ask(stranger, explain());
    assert.equal(data.explain, null);
    assert.deepEqual(await verdicts(stranger, `transactionId: "${transactionId}"`), []);
  });
});
