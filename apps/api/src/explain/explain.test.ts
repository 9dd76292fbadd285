import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { engineVersion } from "@mailfold/policy";
import { createOperations } from "../operations/create-operations.ts";
import { createApiWorld, graphql, platformCaller, startTestApi } from "../test-support/api-test-world.ts";
import { createTenantObjects, rejectMail } from "../test-support/resellers-test-world.ts";

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
      assert.deepEqual(counterfactual.change, {
        kind: "entryAdd",
        scope: { kind: "mailbox", id: objects.mailbox },
        input: {
          scope: { mailboxId: objects.mailbox },
          changes: [{ entryAdd: { list: "accept", pattern: "eve@spam.example" } }],
        },
        entry: { list: "accept", pattern: "eve@spam.example" },
      });
      assert.deepEqual([counterfactual.verdict.reason, counterfactual.none], ["accept-listed", null]);
      assert.equal(counterfactual.today.verdict.reason, "kill-listed");
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
      const { today, ...then } = later.data.explain.counterfactual;
      assert.equal(today.verdict.action, "accept");
      const { today: before, ...same } = counterfactual;
      assert.equal(before.verdict.action, "reject");
      assert.deepEqual(
        { ...later.data.explain, counterfactual: then },
        { ...first.data.explain, counterfactual: same },
      );
      const listed = await graphql(
        api.url,
        `{ verdicts { nodes { reference } } messageTrace(where: {sender: "Eve@spam.example"}) { nodes { verdicts { reference } } } node(id: "${objects.verdict}") { __typename } }`,
        { token: objects.secret },
      );
      const references = listed.data.verdicts.nodes.map((node: { reference: string }) => node.reference);
      assert.ok(references.includes(objects.verdict), listed.text);
      const traced = listed.data.messageTrace.nodes.flatMap(
        (node: { verdicts: { reference: string }[] }) => node.verdicts,
      );
      assert.ok(
        traced.some(({ reference }: { reference: string }) => reference === objects.verdict),
        listed.text,
      );
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
      const above = `{ explain(reference: "${reference}") { verdict { scope policyEvent traceIsExact trace { setAtScope byEvent detail } } counterfactual engineVersion warning listingId } }`;
      const shown = (await graphql(api.url, above, { token: objects.secret })).data.explain;
      assert.equal(shown.counterfactual.change.scope.id, objects.mailbox);
      assert.deepEqual([shown.engineVersion, shown.warning, shown.listingId], [engineVersion, null, null]);
      const asTenant = shown.verdict;
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
