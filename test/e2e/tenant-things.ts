import assert from "node:assert/strict";
import type { Names } from "./foreign-probes.ts";
import { openImap } from "./imap-reader.ts";
import { sendPatiently } from "./patient-sender.ts";
import type { Platform } from "./platform.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";

/** A tenant with one of everything, mail that was taken and mail that was refused included. */
export interface TenantThings {
  readonly tenant: Tenant;
  readonly names: Names;
  readonly secret: string;
  readonly login: MailboxLogin;
}

interface Created {
  readonly id: string;
}

/** commandIds that every tenant's own script uses: another token's commands must not meet them. */
export const sharedCommandId = "provision-1";

/** Makes the tenant and everything of it. `name` is its domain, under .test, and its external id. */
export async function makeTenantThings(platform: Platform, name: string, resellerId?: string): Promise<TenantThings> {
  const tenant = await provisionTenant(platform, name, {
    locals: ["user", "gone", "off"],
    ...(resellerId === undefined ? {} : { resellerId }),
  });
  const tenantId = tenant.id;
  const [user, gone, off] = tenant.mailboxes;
  assert.ok(user !== undefined && gone !== undefined && off !== undefined);
  const scope = { tenantId };
  const token = (await mutate(platform, "tokenCreate", "secret token { id }", { name, scope })) as unknown as {
    secret: string;
    token: Created;
  };
  // The tenant's own script: commandIds count by token.
  const script = {
    ...platform,
    graphql: ((query, variables) => platform.graphql(query, variables, token.secret)) as Platform["graphql"],
  };
  const made = async (operation: string, object: string, input: Record<string, unknown>) => {
    const payload = await mutate(script, operation, `${object} { id }`, { commandId: sharedCommandId, ...input });
    return (payload[object] as unknown as Created).id;
  };
  await made("mailboxDelete", "mailbox", { mailboxId: gone.id });
  await made("mailboxSuspend", "mailbox", { mailboxId: off.id });
  const alias = await made("aliasAdd", "alias", { tenantId, address: `info@${tenant.domain}`, targets: [user.id] });
  const entry = await made("senderEntryAdd", "entry", { scope, list: "KILL", pattern: "@spam.example" });
  const changes = [{ set: { sizeLimitBytes: 70_000 } }];
  const shadow = await made("shadowStart", "shadow", { scope, changes });
  const taken = await deliver(platform, user.address, `ok@${name}-friends.example`);
  assert.equal(taken.code, 250, taken.text);
  const refused = await deliver(platform, user.address, "eve@spam.example");
  assert.equal(refused.code, 550, refused.text);
  const all = [{ field: "sender", operator: "startsWith", values: ["held@"] }];
  const rules = [{ name: "hold", all, actions: [{ do: "quarantine" }] }];
  await mutate(platform, "policyUpdate", "policy { scope { id } }", { scope, set: { rules } });
  const held = await deliver(platform, user.address, `held@${name}-friends.example`);
  assert.equal(held.code, 250, held.text);
  const learned = await learnFromTraps(platform, tenant, script);
  const trace = await untilTraced(platform, tenantId);
  // Last of all, so that nobody's events lie between its position and the platform's next one.
  const policy = await mutate(platform, "policyUpdate", "policy { scope { id } }", {
    scope,
    set: { sizeLimitBytes: 90_000_000 },
  });
  const receipt = policy.receipt as unknown as { position: string };
  const names: Names = {
    reseller: [tenant.resellerId],
    tenant: [tenantId],
    domain: [tenant.domainId],
    domainName: [tenant.domain],
    mailbox: [user.id, gone.id, off.id],
    address: [user.address, gone.address, `info@${tenant.domain}`],
    sender: [`ok@${name}-friends.example`],
    alias: [alias],
    token: [token.token.id],
    entry: [entry],
    shadow: [shadow],
    simulation: [await simulate(script, tenantId)],
    hold: await untilHeld(platform, tenantId),
    ...learned,
    verdict: trace.references,
    transaction: trace.transactions,
    messageId: [`<${name}-friends.example-1@sender.example>`],
    event: [await lastEvent(platform, tenantId)],
    externalId: [name],
    position: [receipt.position],
  };
  return { tenant, names, secret: token.secret, login: user };
}

/** A change that the tenant's own script tries on what came. */
async function simulate(script: Platform, tenantId: string): Promise<string> {
  const query = "query($input: PolicySimulateInput!) { policySimulate(input: $input) { id state changed } }";
  const input = { scope: { tenantId }, changes: [{ entryRemove: { list: "KILL", pattern: "@spam.example" } }] };
  const { policySimulate } = await script.graphql<{ policySimulate: { id: string; state: string; changed: number } }>(
    query,
    { input },
  );
  assert.deepEqual([policySimulate.state, policySimulate.changed > 0], ["DONE", true]);
  return policySimulate.id;
}

interface LearnedList {
  readonly senderList: {
    readonly nodes: readonly {
      readonly id: string;
      readonly pattern: string;
      readonly listing: { readonly evidence: { readonly nodes: readonly { readonly event: string }[] } };
    }[];
  };
}

/** Four letters to a spam trap: their sender is on the tenant's blacklist, and another one is pardoned. */
async function learnFromTraps(platform: Platform, { id: tenantId, domain, domainId }: Tenant, script: Platform) {
  const trap = `trap@${domain}`;
  await mutate(platform, "policyUpdate", "policy { scope { id } }", {
    scope: { domainId },
    set: { spamTraps: [trap] },
  });
  // An address for each tenant, in a network that is nobody's.
  const ip = `198.51.100.${10 + ([...domain].reduce((sum, character) => sum + character.charCodeAt(0), 0) % 200)}`;
  const query = `query($t: ID) { senderList(scope: {tenantId: $t}, list: LEARNED) { nodes { id pattern listing { evidence(first: 10) { nodes { event } } } } } }`;
  const message = `From: <x@${domain}.example>\nSubject: trap\n\nx\n`;
  const letter = { from: `x@spammer-of-${domain}.example`, to: [trap], message };
  for (let count = 0; count < 4; count += 1) {
    const { final } = await sendLetter({ port: platform.ports.smtp, proxyFrom: ip }, letter);
    assert.equal(final.code, 550, final.text);
  }
  const forgiven = { scope: { tenantId }, subject: `@forgiven-by-${domain}`, commandId: sharedCommandId };
  const { pardon } = await mutate(script, "senderPardon", "pardon { id }", forgiven);
  for (const deadline = Date.now() + 20_000; ; ) {
    const [node] = (await platform.graphql<LearnedList>(query, { t: tenantId })).senderList.nodes;
    if (node !== undefined) {
      const evidence = node.listing.evidence.nodes.map(({ event }) => event);
      return { listing: [node.id], listed: [node.pattern], evidence, pardon: [(pardon as unknown as Created).id] };
    }
    assert.ok(Date.now() < deadline, "nothing was learned in 20 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** An event of nobody's; its position. */
export async function platformEvent(platform: Platform, pattern: string): Promise<string> {
  const input = { scope: { platform: true }, list: "KILL", pattern };
  const payload = await mutate(platform, "senderEntryAdd", "entry { id }", input);
  return (payload.receipt as unknown as { position: string }).position;
}

async function deliver(platform: Platform, to: string, from: string) {
  const message = `From: <${from}>\nTo: <${to}>\nMessage-ID: <${from.split("@")[1]}-1@sender.example>\nSubject: probe\n\nx\n`;
  return sendPatiently({ port: platform.ports.smtp }, { from, to: [to], message });
}

interface VerdictNodes {
  readonly verdicts: { readonly nodes: readonly { readonly reference: string; readonly transactionId: string }[] };
}

async function untilTraced(platform: Platform, tenantId: string) {
  const query = `query($t: ID) { verdicts(where: {tenantId: $t}) { nodes { reference transactionId } } }`;
  for (const deadline = Date.now() + 10_000; ; ) {
    const { nodes } = (await platform.graphql<VerdictNodes>(query, { t: tenantId })).verdicts;
    if (nodes.length >= 3)
      return { references: nodes.map((node) => node.reference), transactions: nodes.map((node) => node.transactionId) };
    assert.ok(Date.now() < deadline, `${nodes.length} verdicts of 3 after 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function untilHeld(platform: Platform, tenantId: string): Promise<readonly string[]> {
  const query = "query($t: ID) { quarantine(scope: {tenantId: $t}) { nodes { id } } }";
  for (const deadline = Date.now() + 10_000; ; ) {
    const data = await platform.graphql<{ quarantine: { nodes: readonly Created[] } }>(query, { t: tenantId });
    if (data.quarantine.nodes.length > 0) return data.quarantine.nodes.map(({ id }) => id);
    assert.ok(Date.now() < deadline, "no held copy after 10 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function lastEvent(platform: Platform, tenantId: string): Promise<string> {
  const query = "query($t: ID) { auditEvents(first: 100, where: {tenant: $t}) { nodes { id } } }";
  const data = await platform.graphql<{ auditEvents: { nodes: readonly Created[] } }>(query, { t: tenantId });
  return data.auditEvents.nodes.at(-1)?.id ?? "";
}

/** All that the platform knows of a tenant, as text: two are equal when nothing happened to it in between. */
export async function dumpTenant(platform: Platform, { tenant, login }: TenantThings): Promise<string> {
  // One by one: together they are beyond the API's bound on cost.
  const queries = [
    `query($t: ID!) { tenant(by: {id: $t}) { id name externalId suspended suspensionReason createdAt reseller { id name }
      switches { login submission inbound forwarding } domains(first: 20) { nodes { id name verified addedAt } } } }`,
    "query($t: ID!) { tenant(by: {id: $t}) { aliases(first: 20) { nodes { id address targets { id } } } } }",
    "query($t: ID!) { mailboxes(tenantId: $t) { nodes { id address displayName status quotaBytes usedBytes createdAt } } }",
    "query($t: ID!) { effectivePolicy(scope: {tenantId: $t}) { settings { name value scope event limit { scope event locked min max } limitBelow { event locked min max } } } }",
    "query($d: ID!) { effectivePolicy(scope: {domainId: $d}) { settings { name value scope event } } }",
    "query($r: ID!) { effectivePolicy(scope: {resellerId: $r}) { settings { name value scope event limitBelow { event } } } }",
    "query($m: ID!) { effectivePolicy(scope: {mailboxId: $m}) { settings { name value scope event limitBelow { event } } } }",
    "query($t: ID!) { senderList(scope: {tenantId: $t}) { nodes { id list pattern expiresAt note event } } }",
    "query($t: ID!) { senderList(scope: {tenantId: $t}, list: LEARNED, first: 5) { nodes { id pattern listing { state pardons { id } blocked { count } } } } }",
    "query($t: ID!) { tokens(scope: {tenantId: $t}) { nodes { id name revoked expiresAt subject } } }",
    "query($t: ID!) { verdicts(where: {tenantId: $t}) { nodes { reference action reason } } }",
    "query($t: ID!) { quarantine(scope: {tenantId: $t}) { nodes { id status sender subject preview { text } } } }",
    "query($t: ID!) { auditEvents(first: 100, where: {tenant: $t}) { nodes { id type position data } pageInfo { hasNextPage } } }",
  ];
  const data: unknown[] = [];
  const ids = { t: tenant.id, d: tenant.domainId, r: tenant.resellerId, m: login.id };
  for (const query of queries) data.push(await platform.graphql(query, ids));
  return JSON.stringify({ data, mail: await dumpMail(platform, login) }, undefined, 1);
}

async function dumpMail(platform: Platform, login: MailboxLogin): Promise<unknown> {
  const client = await openImap(platform.ports.imap, login);
  try {
    const folders = await client.list({ statusQuery: { messages: true, uidNext: true, uidValidity: true } });
    return folders.map(({ path, status }) => [path, status?.messages, status?.uidNext, String(status?.uidValidity)]);
  } finally {
    await client.logout();
  }
}
