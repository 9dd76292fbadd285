import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adminToken, graphql, serveApiWorld } from "./test-support/api-test-world.ts";

describe("graphql over HTTP", () => {
  const served = serveApiWorld();
  const ask = (query: string, variables: Record<string, unknown> = {}, token = adminToken) =>
    graphql(served.url, query, { variables, token });

  test("provisions a tenant with domain and mailbox, and reads its own writes", async () => {
    const reseller = await ask(`mutation { resellerCreate(input: {name: "ISP", externalId: "isp"}) {
      reseller { id name } errors { code message path } receipt { position eventIds replayed dryRun lagging undoToken } } }`);
    assert.deepEqual(reseller.errors, undefined, reseller.text);
    const { receipt } = reseller.data.resellerCreate;
    assert.match(receipt.position, /^[0-9a-f-]{36}\.\d{16}$/);
    assert.equal(receipt.eventIds.length, 1);
    assert.deepEqual(
      [receipt.replayed, receipt.dryRun, receipt.lagging, receipt.undoToken],
      [false, false, false, null],
    );
    const resellerId = reseller.data.resellerCreate.reseller.id;
    const tenant = await ask(
      `mutation($r: ID!) { tenantCreate(input: {resellerId: $r, name: "Demo", externalId: "d1"}) { tenant { id } errors { code } } }`,
      { r: resellerId },
    );
    const tenantId = tenant.data.tenantCreate.tenant.id;
    const domain = await ask(
      `mutation($t: ID!) { domainAdd(input: {tenantId: $t, name: "Démo.Example"}) { domain { id name verified verification { recordName recordValue } } errors { code } } }`,
      { t: tenantId },
    );
    assert.equal(domain.data.domainAdd.domain.name, "xn--dmo-bma.example");
    const domainId = domain.data.domainAdd.domain.id;
    const failed = await ask(
      `mutation($d: ID!) { domainVerify(input: {domainId: $d}) { errors { code details } receipt { position } } }`,
      { d: domainId },
    );
    assert.equal(failed.data.domainVerify.errors[0].code, "DOMAIN_NOT_PROVEN");
    assert.equal(failed.data.domainVerify.receipt, null);
    const { recordName, recordValue } = domain.data.domainAdd.domain.verification;
    served.world.txt.set(recordName, ["other", recordValue]);
    const verified = await ask(
      `mutation($d: ID!) { domainVerify(input: {domainId: $d}) { domain { verified } errors { code } } }`,
      { d: domainId },
    );
    assert.equal(verified.data.domainVerify.domain.verified, true);
    const mailbox = await ask(
      `mutation($t: ID!) { mailboxCreate(input: {tenantId: $t, address: "Alice@xn--dmo-bma.example", password: "correct horse", quotaBytes: 10737418240}) {
        mailbox { id address quotaBytes status domain { id } tenant { id } } errors { code message } receipt { position eventIds events { type } } } }`,
      { t: tenantId },
    );
    assert.deepEqual(mailbox.data.mailboxCreate.errors, []);
    assert.equal(mailbox.data.mailboxCreate.mailbox.address, "alice@xn--dmo-bma.example");
    assert.equal(mailbox.data.mailboxCreate.mailbox.quotaBytes, 10737418240);
    assert.deepEqual(
      mailbox.data.mailboxCreate.receipt.events.map((event: { type: string }) => event.type),
      [
        "AddressClaimed",
        ...Array.from({ length: 6 }, () => ["FolderCreated", "FolderSubscriptionChanged"]).flat(),
        "MailboxCreated",
      ],
    );
    const read = await ask(
      `query($w: String, $m: ID!) { node(id: $m, waitFor: $w) { __typename id ... on Mailbox { address } }
        mailbox(by: {address: "alice@xn--dmo-bma.example"}) { id } tenant(by: {externalId: "d1", resellerId: "${resellerId}"}) { id domains { nodes { name } } } }`,
      { w: mailbox.data.mailboxCreate.receipt.position, m: mailbox.data.mailboxCreate.mailbox.id },
    );
    assert.equal(read.data.node.__typename, "Mailbox", read.text);
    assert.equal(read.data.tenant.domains.nodes[0].name, "xn--dmo-bma.example");
  });

  test("only POST with JSON and a token, and no word more", async () => {
    const bare = await fetch(`${served.url}/graphql`, { method: "POST", body: "{}" });
    assert.equal(bare.status, 401);
    const unauthenticated = (await bare.json()) as { errors: { extensions: { code: string; requestId: string } }[] };
    assert.equal(unauthenticated.errors[0]?.extensions.code, "UNAUTHENTICATED");
    assert.match(unauthenticated.errors[0]?.extensions.requestId ?? "", /^req_/);
    const headers = { authorization: `Bearer ${adminToken}` };
    const get = await fetch(`${served.url}/graphql?query={viewer{name}}`, { headers });
    assert.equal(get.status, 405);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const response = await fetch(`${served.url}/graphql`, {
        method: "POST",
        headers: { ...headers, "content-type": type },
        body: "{}",
      });
      assert.equal(response.status, 415, type);
    }
    const batch = await fetch(`${served.url}/graphql`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify([{ query: "{viewer{name}}" }, { query: "{viewer{name}}" }]),
    });
    assert.equal(batch.status, 400);
    const broken = await fetch(`${served.url}/graphql`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: "{",
    });
    assert.equal(broken.status, 400);
    assert.deepEqual(
      Object.keys(((await broken.json()) as { errors: { extensions: object }[] }).errors[0]?.extensions ?? {}),
      ["code", "requestId"],
    );
    const misspelt = await ask("{ viewer { nam } }");
    assert.match(misspelt.errors[0].message, /Did you mean "name"/);
  });
});
