import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { heldEntries } from "./held-mail.ts";
import { folderTexts, mail } from "./options/option-world.ts";
import { commandsOf, openPageShell, type PageShell } from "./page-commands.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";

const page = "docs/how-to/release-from-quarantine.md";
const blocks = commandsOf(page);
const followed = new Set<string>();
let platform: Platform;
let shell: PageShell;
let tenant: Tenant;
let user: MailboxLogin;

before(async () => {
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
  shell = openPageShell(platform.dataDir);
  tenant = await provisionTenant(platform, "held");
  user = tenant.mailboxes[0] as MailboxLogin;
  shell.given.set("TENANT", tenant.id);
  const scope = { tenantId: tenant.id };
  await setPolicy(platform, scope, { phraseList: [{ phrase: "pay now", points: 8 }], junkAction: "quarantine" });
});
after(async () => {
  await platform?.stop();
});

async function send(subject: string, from = "shop@partner.example"): Promise<void> {
  const message = mail(subject, { body: "Pay now\n" });
  const letter = { from, to: [user.address], message };
  const { final } = await sendLetter({ port: platform.ports.smtp }, letter);
  assert.equal(final.code, 250, final.text);
}
async function follow(heading: string, index = 0): Promise<string> {
  const block = blocks.get(heading)?.[index];
  assert.ok(block !== undefined, `${page} has no command block ${index} under "${heading}"`);
  followed.add(`${heading} ${index}`);
  return shell.run(block);
}

describe(page, () => {
  test("a copy is found by sender and subject, looked at, explained, and let out as it came", async () => {
    await send("invoice 17");
    assert.match(await follow("Find it", 0), /invoice 17/);
    assert.match(await follow("Find it", 1), /invoice 17/);
    assert.match(await follow("Look at it", 0), /Pay now/);
    assert.match(await follow("Look at it", 1), /spam-quarantined[\s\S]*phrases/);
    assert.equal((await folderTexts(platform, user)).length, 0, "nobody has it");
    await follow("Let it out", 0);
    const [released, ...rest] = await folderTexts(platform, user);
    assert.deepEqual(rest, []);
    assert.match(released ?? "", /^Subject: invoice 17\r\n[\s\S]*\r\n\r\nPay now\r\n$/m);
  });

  test("let out together with its sender: the next one is not held", async () => {
    await send("invoice 18");
    await follow("Find it", 1);
    await follow("Let it out", 1);
    await send("invoice 19");
    assert.equal((await folderTexts(platform, user)).length, 3);
  });

  test("thrown away: nobody gets it, the list still tells", async () => {
    await send("invoice 20", "sales@partner.example");
    await follow("Find it", 1);
    await follow("Or throw it away", 0);
    assert.match(await follow("Or throw it away", 1), /deleted[\s\S]*invoice 20/i);
    assert.equal((await folderTexts(platform, user)).length, 3);
    assert.deepEqual(await heldEntries(platform, tenant, { where: { status: "HELD" } }), []);
  });

  test("every command of the page was run", () => {
    const all = [...blocks].flatMap(([heading, list]) => list.map((_, index) => `${heading} ${index}`));
    assert.deepEqual(
      all.filter((name) => !followed.has(name)),
      [],
    );
  });
});
