import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { endHeld, heldEntries, heldEntry } from "./held-mail.ts";
import { messageIdCounts, openImap } from "./imap-reader.ts";
import { type Platform, platformEnv, runMailfold, startPlatform } from "./platform.ts";
import { setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";

let platform: Platform;
let acme: Tenant;
let rival: Tenant;
let user: MailboxLogin;
/** A token of the rival's own admin. */
let token: string;

const sender = "shop@offers.example";

/** A message as its sender wrote it, lines ending in CRLF. */
function letterOf(messageId: string, subject: string, body = "cheap watches\n\n.\nbye\n"): string {
  const header = `From: <${sender}>\nTo: <someone@example>\nMessage-ID: <${messageId}>\nSubject: ${subject}\n`;
  return `${header}\n${body}`.replaceAll("\n", "\r\n");
}
async function send(messageId: string, to: readonly string[], from = sender) {
  return sendLetter({ port: platform.ports.smtp }, { from, to, message: letterOf(messageId, `offer ${messageId}`) });
}
const inboxCount = async (messageId: string) =>
  (await messageIdCounts(platform.ports.imap, user)).get(`<${messageId}>`) ?? 0;
const cli = (...args: readonly string[]) => runMailfold(args, platformEnv(platform.dataDir));

before(async () => {
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
  acme = await provisionTenant(platform, "acme");
  rival = await provisionTenant(platform, "rival");
  user = rival.mailboxes[0] as MailboxLogin;
  const scope = { tenantId: rival.id };
  const phraseList = [{ phrase: "cheap watches", points: 8 }];
  await setPolicy(platform, scope, { phraseList, spamThresholds: { quarantine: 7 } });
  const all = [{ field: "subject", operator: "contains", values: ["refuse-me"] }];
  await setPolicy(platform, scope, { rules: [{ name: "refuse", all, actions: [{ do: "reject" }] }] });
  token = (await mutate(platform, "tokenCreate", "secret", { name: "admin", scope })).secret as unknown as string;
});
after(async () => {
  await platform?.stop();
});

describe("quarantine", () => {
  test("a mail that one tenant refuses and another takes: 250, delivered there, held here", async () => {
    const { final } = await send("refuse-me-1@offers.example", ["user@acme.test", "user@rival.test"]);
    assert.equal(final.code, 250, final.text);
    const taken = await messageIdCounts(platform.ports.imap, acme.mailboxes[0] as MailboxLogin);
    assert.equal(taken.get("<refuse-me-1@offers.example>"), 1);
    const entry = await heldEntry(platform, rival, { text: "refuse-me-1" });
    assert.deepEqual(
      [entry.kind, entry.status, entry.recipient, entry.sender, entry.messageId, entry.reason],
      ["QUARANTINED", "HELD", "user@rival.test", sender, "<refuse-me-1@offers.example>", "rule-rejected"],
    );
    assert.equal(await inboxCount("refuse-me-1@offers.example"), 0);
    assert.deepEqual(await heldEntries(platform, acme), []);
    // Refused by its only recipient, it is its sender's: nothing is kept.
    const alone = await send("refuse-me-2@offers.example", ["user@rival.test"]);
    assert.equal(alone.final.code, 550, alone.final.text);
    assert.equal((await heldEntries(platform, rival, { where: { text: "refuse-me-2" } })).length, 0);
  });

  test("its preview has words and no more; a release delivers it byte for byte, once", async () => {
    const messageId = "first@offers.example";
    assert.equal((await send(messageId, ["user@rival.test"])).final.code, 250);
    const { id, reason } = await heldEntry(platform, rival, { text: messageId, status: "HELD" });
    assert.equal(reason, "spam-quarantined");
    const shown = await platform.graphql<{ node: { score: number; preview: { text: string; headers: unknown[] } } }>(
      "query($id: ID!) { node(id: $id) { ... on QuarantineEntry { score preview { text headers { name value } } verdict { reason } } } }",
      { id },
      token,
    );
    assert.equal(shown.node.preview.text, "cheap watches\n\n.\nbye");
    assert.ok(shown.node.score >= 8, String(shown.node.score));
    assert.deepEqual(shown.node.preview.headers[0], { name: "return-path", value: `<${sender}>` });

    const [released] = await endHeld(platform, "quarantineRelease", { ids: [id] }, token);
    assert.deepEqual([released?.entry?.status, released?.errors], ["RELEASED", []]);
    const client = await openImap(platform.ports.imap, user);
    try {
      await client.mailboxOpen("INBOX", { readOnly: true });
      const message = await client.fetchOne("*", { source: true });
      const source = (message === false ? undefined : message.source)?.toString("latin1") ?? "";
      const original = letterOf(messageId, `offer ${messageId}`);
      assert.ok(source.endsWith(original), "the original is its end, byte for byte");
      const added = source.slice(0, -original.length);
      assert.match(added, /^Return-Path: <shop@offers\.example>\r\nDelivered-To: user@rival\.test\r\n/);
      assert.match(added, /\r\nReceived: [\s\S]*\r\n$/);
    } finally {
      await client.logout();
    }
    const [again] = await endHeld(platform, "quarantineRelease", { ids: [id] });
    assert.deepEqual(again?.errors, [{ code: "HOLD_SETTLED" }]);
    const [late] = await endHeld(platform, "quarantineDelete", { ids: [id] }, token);
    assert.deepEqual(late?.errors, [{ code: "HOLD_SETTLED" }]);
    assert.equal(await inboxCount(messageId), 1);
  });

  test("ten admins release it at once: one delivery", async () => {
    const messageId = "race@offers.example";
    await send(messageId, ["user@rival.test"]);
    const { id } = await heldEntry(platform, rival, { text: messageId });
    const tries = Array.from({ length: 10 }, () => endHeld(platform, "quarantineRelease", { ids: [id] }, token));
    const results = (await Promise.all(tries)).flat();
    assert.equal(results.filter(({ entry }) => entry?.status === "RELEASED").length, 1);
    assert.equal(results.filter(({ errors }) => errors[0]?.code === "HOLD_SETTLED").length, 9);
    assert.equal(await inboxCount(messageId), 1);
  });

  test("released with its sender accepted, the sender's next mail arrives", async () => {
    const messageId = "friend@offers.example";
    await send(messageId, ["user@rival.test"], "friend@far.example");
    const { id } = await heldEntry(platform, rival, { text: messageId });
    const [released] = await endHeld(platform, "quarantineRelease", { ids: [id], acceptSender: true }, token);
    assert.equal(released?.accepted?.pattern, "friend@far.example");
    const next = await send("next@offers.example", ["user@rival.test"], "friend@far.example");
    assert.equal(next.final.code, 250);
    assert.deepEqual([await inboxCount(messageId), await inboxCount("next@offers.example")], [1, 1]);
    assert.equal((await heldEntries(platform, rival, { where: { text: "next@" } })).length, 0);
  });

  test("nothing is released into a mailbox that is suspended or full; it can be had later", async () => {
    const messageId = "later@offers.example";
    await send(messageId, ["user@rival.test"]);
    const { id } = await heldEntry(platform, rival, { text: messageId });
    const mailboxId = user.id;
    const release = async () => (await endHeld(platform, "quarantineRelease", { ids: [id] }))[0]?.errors[0]?.code;
    await mutate(platform, "mailboxSuspend", "mailbox { id }", { mailboxId });
    assert.equal(await release(), "MAILBOX_SUSPENDED");
    await mutate(platform, "mailboxResume", "mailbox { id }", { mailboxId });
    await mutate(platform, "mailboxUpdate", "mailbox { id }", { mailboxId, quotaBytes: 1 });
    assert.equal(await release(), "MAILBOX_FULL");
    await mutate(platform, "mailboxUpdate", "mailbox { id }", { mailboxId, quotaBytes: 100_000_000 });
    assert.equal(await release(), undefined);
    assert.equal(await inboxCount(messageId), 1);
  });

  test("the command line lists, shows, releases and deletes", async () => {
    for (const messageId of ["cli-1@offers.example", "cli-2@offers.example"])
      await send(messageId, ["user@rival.test"]);
    await heldEntry(platform, rival, { text: "cli-1" });
    await heldEntry(platform, rival, { text: "cli-2" });
    const listed = await cli("quarantine", "list", "--scope", rival.id, "--text", "cli-", "--json");
    const [two, one] = JSON.parse(listed.stdout) as { id: string; status: string }[];
    assert.ok(one !== undefined && two !== undefined, listed.stderr);
    const shown = await cli("quarantine", "show", one.id);
    assert.match(shown.stdout, /cheap watches/);
    assert.match(shown.stdout, /subject\s+offer cli-1@offers\.example/);
    const released = await cli("quarantine", "release", one.id, "--json");
    assert.deepEqual([released.code, JSON.parse(released.stdout)[0].entry.status], [0, "RELEASED"]);
    assert.equal(await inboxCount("cli-1@offers.example"), 1);
    const unsure = await cli("quarantine", "delete", two.id);
    assert.deepEqual([unsure.code, unsure.stdout], [2, ""]);
    assert.equal((await cli("quarantine", "delete", two.id, "--yes")).code, 0);
    const again = await cli("quarantine", "delete", two.id, "--yes");
    assert.equal(again.code, 1);
    assert.match(again.stdout, /HOLD_SETTLED/);
    assert.equal(await inboxCount("cli-2@offers.example"), 0);
  });

  test("a tenant sees and touches its own alone", async () => {
    const other = (await mutate(platform, "tokenCreate", "secret", { name: "x", scope: { tenantId: acme.id } }))
      .secret as unknown as string;
    await send("private@offers.example", ["user@rival.test"]);
    const { id } = await heldEntry(platform, rival, { text: "private@" });
    const [refused] = await endHeld(platform, "quarantineRelease", { ids: [id] }, other);
    assert.deepEqual(refused?.errors, [{ code: "NOT_FOUND" }]);
    const query = "query($t: ID) { quarantine(scope: {tenantId: $t}) { nodes { id } } }";
    assert.deepEqual(await platform.graphql(query, { t: rival.id }, other), { quarantine: null });
  });

  test("after a restart all is as it was, and every view equals a rebuild", async () => {
    const before = await heldEntries(platform, rival);
    const { dataDir } = platform;
    assert.equal(await platform.stop(), 0);
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
    const verified = await cli("verify", "--json");
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    platform = await startPlatform({ dataDir, env: { MAILFOLD_DEMO: "0" } });
    assert.deepEqual(await heldEntries(platform, rival), before);
  });
});
