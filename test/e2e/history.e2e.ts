import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { commandsOf, openPageShell } from "./page-commands.ts";
import { sendPatiently } from "./patient-sender.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { provisionTenant, type Tenant } from "./provision.ts";

const page = "docs/how-to/undo-a-change.md";

interface Receipt {
  readonly position: string;
  readonly eventIds: readonly [string];
  readonly undoToken: string | null;
}
interface Answer {
  readonly errors: readonly { readonly code: string; readonly details: { readonly event?: string } | null }[];
  readonly receipt: Receipt;
}

describe("history, and undo", () => {
  let platform: Platform;
  let tenant: Tenant;
  before(async () => {
    platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
    tenant = await provisionTenant(platform, "bakery");
  });
  after(async () => {
    assert.equal(await platform?.stop(), 0);
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
  });

  async function run(operation: string, input: Record<string, unknown>): Promise<Answer> {
    const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input!`;
    const query = `mutation($input: ${type}) { ${operation}(input: $input) { errors { code details } receipt { position eventIds undoToken } } }`;
    return (await platform.graphql<Record<string, Answer>>(query, { input }))[operation] as Answer;
  }
  async function done(operation: string, input: Record<string, unknown>): Promise<Receipt> {
    const { errors, receipt } = await run(operation, input);
    assert.deepEqual(errors, [], operation);
    return receipt;
  }
  const set = (values: Record<string, unknown>) =>
    done("policyUpdate", { scope: { tenantId: tenant.id }, set: values });
  async function settingAt(name: string, position?: string): Promise<unknown> {
    const asOf = position === undefined ? "" : `, asOf: {position: "${position}"}`;
    const query = `{ effectivePolicy(scope: {tenantId: "${tenant.id}"}${asOf}) { settings { name value event } } }`;
    const data = await platform.graphql<{ effectivePolicy: { settings: { name: string; value: unknown }[] } }>(query);
    return data.effectivePolicy.settings.find((setting) => setting.name === name)?.value;
  }
  const letter = async (from: string) => {
    const message = `From: <${from}>\nTo: <user@bakery.test>\nSubject: order\n\nBread\n`;
    const { code } = await sendPatiently({ port: platform.ports.smtp }, { from, to: ["user@bakery.test"], message });
    return code;
  };

  test("the page's commands: find the change, preview, undo; mail passes again, and no more when that is undone", async () => {
    const blocks = commandsOf(page);
    const shell = openPageShell(platform.dataDir);
    let ran = 0;
    const follow = (heading: string, index = 0) => {
      ran += 1;
      const block = blocks.get(heading)?.[index];
      assert.ok(block, `${page}: ${heading} ${index}`);
      return shell.run(block);
    };
    await set({ quarantineDays: 9 });
    shell.given.set("TENANT", tenant.id);
    await new Promise((resolve) => setTimeout(resolve, 20));
    shell.given.set("WELL", new Date().toISOString());
    await new Promise((resolve) => setTimeout(resolve, 20));
    await set({ quarantineDays: 7 });
    const scope = { tenantId: tenant.id };
    const added = await done("senderEntryAdd", { scope, list: "KILL", pattern: "@partner.example" });
    assert.equal(await letter("sales@partner.example"), 550);

    const changed = await follow("1. What changed", 0);
    assert.match(changed, /^setting quarantineDays +9 \(ten_\S+\) +7 \(/m);
    const line = changed.split("\n").find((text) => text.startsWith("entry kill @partner.example")) ?? "";
    const event = /evt_[0-9a-z]+/.exec(line)?.[0] ?? "";
    assert.equal(event, added.eventIds[0]);
    assert.match(await follow("1. What changed", 1), /^quarantineDays +9 /m);
    shell.given.set("EVENT", event);
    assert.match(await follow("2. What undoing would do"), /^entry kill @partner.example +\{.*\} \(ten_\S+\) +- /m);
    assert.equal(await letter("sales@partner.example"), 550, "a preview changes nothing");
    await follow("3. Undo");
    assert.equal(await letter("sales@partner.example"), 250);

    const trail = await platform.graphql<{ auditEvents: { nodes: { id: string; type: string; undoes: string }[] } }>(
      `{ auditEvents(where: {tenant: "${tenant.id}", types: ["SenderEntryRemoved"]}) { nodes { id type undoes } } }`,
    );
    const [undoing] = trail.auditEvents.nodes;
    assert.equal(undoing?.undoes, event);
    shell.given.set("UNDOING", undoing?.id ?? "");
    await follow("When undoing was wrong");
    assert.equal(await letter("sales@partner.example"), 550);
    assert.equal(ran, [...blocks.values()].flat().length, "every command of the page was run");
  });

  test("the worked example of docs/explanation/history.md", async () => {
    const [e1, e2, e3] = [await set({ spf: "reject" }), await set({ quarantineDays: 5 }), await set({ spf: "off" })];
    const undo = (event: string) => run("undo", { event });
    const refused = async (event: string, by: string) => {
      const [refusal] = (await undo(event)).errors;
      assert.deepEqual([refusal?.code, refusal?.details?.event], ["UNDO_CONFLICT", by]);
    };
    await refused(e1.eventIds[0], e3.eventIds[0]);
    await done("undo", { undoToken: e2.undoToken });
    const e4 = await done("undo", { event: e3.eventIds[0] });
    assert.equal(await settingAt("spf"), "reject");
    const e5 = await done("undo", { event: e1.eventIds[0] });
    assert.equal(await settingAt("spf"), "score");
    await refused(e3.eventIds[0], e4.eventIds[0]);
    await done("undo", { event: e5.eventIds[0] });
    assert.equal(await settingAt("spf"), "reject");
    const seen = [];
    for (const { position } of [e1, e2, e3, e4, e5]) seen.push(await settingAt("spf", position));
    assert.deepEqual(seen, ["reject", "reject", "off", "reject", "score"]);
  });

  test("the past is the same after a restart: policy, lists, directory and tokens", async () => {
    const then = await done("tokenCreate", { name: "panel", scope: { tenantId: tenant.id } });
    const [user] = tenant.mailboxes;
    const token = await platform.graphql<{ tokens: { nodes: { id: string }[] } }>(
      `{ tokens(scope: {tenantId: "${tenant.id}"}) { nodes { id } } }`,
    );
    await done("tokenRevoke", { tokenId: token.tokens.nodes[0]?.id });
    await done("mailboxUpdate", { mailboxId: user?.id, quotaBytes: 123_456_789 });
    await done("tenantSuspend", { tenantId: tenant.id, reason: "ABUSE" });
    await set({ spf: "off" });
    const asOf = `asOf: {position: "${then.position}"}`;
    const query = `{ tenant(by: {id: "${tenant.id}"}, ${asOf}) { suspended mailboxes { nodes { address quotaBytes } } domains { nodes { name } } }
      tokens(scope: {tenantId: "${tenant.id}"}, ${asOf}) { nodes { revoked } } senderList(scope: {tenantId: "${tenant.id}"}, ${asOf}) { nodes { __typename } }
      effectivePolicy(scope: {tenantId: "${tenant.id}"}, ${asOf}) { settings { name value scope event } }
      policyDiff(scope: {tenantId: "${tenant.id}"}, from: {position: "${then.position}"}) { differences { part name after { value event } changedBy { id undoes } } } }`;
    const first = await platform.graphql<Record<string, never>>(query);
    const { tenant: was, tokens } = first as unknown as {
      tenant: { suspended: boolean; mailboxes: { nodes: { quotaBytes: number }[] } };
      tokens: { nodes: { revoked: boolean }[] };
    };
    assert.deepEqual([was.suspended, tokens.nodes.map(({ revoked }) => revoked)], [false, [false]]);
    assert.notEqual(was.mailboxes.nodes[0]?.quotaBytes, 123_456_789);
    const { dataDir } = platform;
    assert.equal(await platform.stop(), 0);
    platform = await startPlatform({ dataDir, env: { MAILFOLD_DEMO: "0" } });
    assert.deepEqual(await platform.graphql(query), first);
  });
});
