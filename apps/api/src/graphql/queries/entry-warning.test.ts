import assert from "node:assert/strict";
import { test } from "node:test";
import { graphql, serveApiWorld } from "../../test-support/api-test-world.ts";

const served = serveApiWorld();

async function made(operation: string, input: string, fields: string, token?: string) {
  const query = `mutation { ${operation}(input: {${input}}) { ${fields} errors { code message } } }`;
  const { data, text } = await graphql(served.url, query, token === undefined ? {} : { token });
  assert.deepEqual(data?.[operation].errors, [], text);
  return data[operation];
}

test("an accept entry below a lock on who may relay is taken with a warning, which names the lock to whoever may see it", async () => {
  const { id: reseller } = (await made("resellerCreate", 'name: "ISP"', "reseller { id }")).reseller;
  const { id: tenant } = (await made("tenantCreate", `resellerId: "${reseller}", name: "Bakery"`, "tenant { id }"))
    .tenant;
  const token = async (scope: string) => (await made("tokenCreate", `name: "x", scope: {${scope}}`, "secret")).secret;
  const tokens = { tenant: await token(`tenantId: "${tenant}"`), reseller: await token(`resellerId: "${reseller}"`) };
  const add = async (pattern: string, secret: string, more = "list: ACCEPT") => {
    const input = `scope: {tenantId: "${tenant}"}, pattern: "${pattern}", ${more}`;
    return (await made("senderEntryAdd", input, "entry { warning }", secret)).entry.warning as string | null;
  };
  const limits = (scope: string, change: string) =>
    made("policyUpdate", `scope: {${scope}}, ${change}`, "policy { scope { kind } }");
  const said = (setting: string, scope: string) =>
    `Accepts mail, but does not open relaying: ${setting} is locked at ${scope}.`;

  assert.equal(await add("192.0.2.0/24", tokens.tenant), null);
  assert.match((await add("10.0.0.0/8", tokens.tenant)) ?? "", /too wide/);
  await limits(`resellerId: "${reseller}"`, "limits: {relayAddresses: {locked: true}}");
  assert.equal(await add("192.0.2.0/24", tokens.tenant), said("relayAddresses", "platform policy"));
  assert.equal(await add("192.0.2.0/24", tokens.reseller), said("relayAddresses", reseller));
  assert.equal(await add("@partner.example", tokens.tenant), said("relayAddresses", "platform policy"));
  assert.equal(await add("mail.partner.example", tokens.tenant), null, "a host name opens nothing anyway");
  assert.equal(await add("192.0.2.9", tokens.tenant, "list: KILL"), null);
  const list = `{ senderList(scope: {tenantId: "${tenant}"}, where: {pattern: "192.0.2.0/24"}) { nodes { warning } } }`;
  const shown = await graphql(served.url, list, { token: tokens.tenant });
  assert.deepEqual(shown.data.senderList.nodes, [{ warning: said("relayAddresses", "platform policy") }], shown.text);
  await limits("platform: true", "limits: {relayMode: {locked: true}}");
  assert.equal(await add("192.0.2.0/24", tokens.reseller), said("relayMode", "platform policy"));
  await limits("platform: true", 'unsetLimits: ["relayMode"]');
  await limits(`resellerId: "${reseller}"`, 'unsetLimits: ["relayAddresses"]');
  assert.equal(await add("192.0.2.0/24", tokens.tenant), null);
});
