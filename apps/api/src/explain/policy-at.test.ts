import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createOperations } from "../operations/create-operations.ts";
import { createApiWorld, graphql, platformCaller, startTestApi } from "../test-support/api-test-world.ts";
import { createTenantObjects, rejectMail } from "../test-support/resellers-test-world.ts";

test("the policy of then is read as far as the facts can tell; few verdicts are explained at once", async () => {
  const world = await createApiWorld();
  const read: string[] = [];
  let running = 0;
  let most = 0;
  const { selectAsync } = world.deps.rows;
  world.deps.rows.selectAsync = async (projection, table, query) => {
    // Each explanation asks for one scope after another.
    const isOne = table === "settings" && query.where?.current === 1;
    if (isOne) most = Math.max(most, ++running);
    await delay(2);
    if (isOne) running -= 1;
    const rows = await selectAsync(projection, table, query);
    if (table === "entries") read.push(...rows.map(({ pattern }) => String(pattern)));
    return rows;
  };
  const api = await startTestApi(world);
  try {
    const operations = createOperations(world.deps);
    const made = await operations.resellerCreate(platformCaller, { name: "A" });
    const objects = await createTenantObjects(world, made.value?.resellerId ?? "", "a");
    const scope = { tenantId: objects.tenant };
    const others = [
      "@*.example",
      "@spam.example",
      "192.0.2.0/26",
      "198.51.100.0/24",
      "@elsewhere.example",
      "2001:db8::/32",
    ];
    for (const pattern of others) await operations.senderEntryAdd(platformCaller, { scope, list: "accept", pattern });
    const { tenant, domain, ...rest } = objects;
    const references: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      references.push(await rejectMail(world, { tenantId: tenant, domainId: domain, ...rest }));
    }
    for (const pattern of others) await operations.senderEntryAdd(platformCaller, { scope, list: "kill", pattern });
    const asked = references.map((reference, n) => `v${n}: explain(reference: "${reference}") { ...parts }`);
    const query = `{ ${asked.join(" ")} } fragment parts on Explanation { counterfactual verdict { reason traceIsExact } }`;
    const told = await graphql(api.url, query);
    for (const { verdict } of Object.values<{ verdict: unknown }>(told.data)) {
      assert.deepEqual(verdict, { reason: "accept-listed", traceIsExact: true });
    }
    assert.deepEqual([...new Set(read)].sort(), ["192.0.2.0/26", "@*.example", "@spam.example"]);
    assert.equal(most, 2);
  } finally {
    await api.close();
    await world.close();
  }
});
