import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openImap } from "./imap-reader.ts";
import { type NameServer, startNameServer, txt } from "./name-server.ts";
import { folderTexts } from "./options/option-world.ts";
import { commandsOf, openPageShell, type PageShell } from "./page-commands.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { referenceIn, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, provisionTenant, type Tenant } from "./provision.ts";
import { type Reply, sendLetter } from "./smtp-dialogue.ts";

const page = "docs/how-to/pardon-a-sender.md";
const blocks = commandsOf(page);
const followed = new Set<string>();
/** Both addresses may send for the bank, so DMARC passes; only the first one is known to have sent what was marked. */
const bank = { ip: "192.0.2.80", other: "203.0.113.80", from: "info@bank.example" } as const;
let dns: NameServer;
let platform: Platform;
let shell: PageShell;
let acme: Tenant;
let ann: MailboxLogin;
let ben: MailboxLogin;

before(async () => {
  dns = await startNameServer({
    records: [
      ["bank.example", "MX", "10 mx.bank.example."],
      ["mx.bank.example", "A", bank.ip],
      ["bank.example", "TXT", txt(`v=spf1 ip4:${bank.ip} ip4:${bank.other} -all`)],
      ["_dmarc.bank.example", "TXT", txt("v=DMARC1; p=none")],
    ],
  });
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address } });
  acme = await provisionTenant(platform, "acme", { locals: ["ann", "ben"] });
  [ann, ben] = acme.mailboxes as [MailboxLogin, MailboxLogin];
  const lenient = { verifyHelo: "off", reverseDns: "off", "learning.thresholds": { defer: 1, reject: 3.5 } };
  await setPolicy(platform, { tenantId: acme.id }, lenient);
  shell = openPageShell(platform.dataDir);
  shell.given.set("TENANT", acme.id);
});
after(async () => {
  await platform?.stop();
  await dns?.stop();
});

async function send(to: readonly string[], ip: string = bank.ip): Promise<Reply> {
  const { from } = bank;
  const message = `From: <${from}>\nTo: <${to[0]}>\nSubject: statement\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n\nhello\n`;
  return (await sendLetter({ port: platform.ports.smtp, proxyFrom: ip }, { from, to: [...to], message })).final;
}
async function throwAway(login: MailboxLogin): Promise<void> {
  const client = await openImap(platform.ports.imap, login);
  try {
    await client.mailboxOpen("INBOX");
    await client.messageMove("1:*", "Junk");
  } finally {
    await client.logout();
  }
}
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await look()); ) {
    assert.ok(Date.now() < deadline, `20 s without: ${what}\n${platform.stderr()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
/** Runs a command block of the page. */
async function follow(heading: string, index = 0): Promise<string> {
  const block = blocks.get(heading)?.[index];
  assert.ok(block !== undefined, `${page} has no command block ${index} under "${heading}"`);
  followed.add(`${heading} ${index}`);
  return shell.run(block);
}

describe("docs/how-to/pardon-a-sender.md, from the rejection's text alone", () => {
  test("two users' marks have the bank refused, whichever of its servers it writes from", async () => {
    for (const to of [ann, ann, ben, ben]) assert.equal((await send([to.address])).code, 250);
    await throwAway(ann);
    await throwAway(ben);
    await until("a refusal", async () => (await send([ann.address], bank.other)).code === 550);
  });

  test("the bounce leads to the listing, its evidence, and who reported it", async () => {
    const other = await provisionTenant(platform, "other", { resellerId: acme.resellerId });
    const both = await send([ann.address, other.mailboxes[0]?.address ?? ""], bank.other);
    assert.equal(both.code, 250, "the other tenant takes it, and Ann's copy is held");
    const refused = await send([ann.address], bank.other);
    assert.match(refused.text, /^5\.7\.1 Too much spam came from the address in the From header \(ref vrd_/);
    shell.given.set("REF", referenceIn(refused));
    assert.match(await follow("1. Which listing"), /learned-sender/);
    const shown = await follow("2. Who says so");
    for (const part of [/info@bank\.example/, /USER_SPAM/, /ann@acme\.test/, /ben@acme\.test/, /learned-sender/]) {
      assert.match(shown, part);
    }
    assert.match(await follow("3. Pardon", 0), /@bank\.example/);
  });

  test("the pardon is tried, then done: the held copy arrives, and so does the next mail", async () => {
    const before = (await folderTexts(platform, ann)).length;
    const simulated = await follow("3. Pardon", 1);
    assert.match(simulated, /^reject +accept +[1-9]/m, simulated);
    assert.match(await follow("3. Pardon", 2), /redelivered +1[\s\S]*redelivered +1/);
    assert.equal((await folderTexts(platform, ann)).length, before + 1, "once");
    await follow("3. Pardon", 3);
    await follow("3. Pardon", 4);
    for (const ip of [bank.ip, bank.other]) {
      await until("the bank's mail arrives", async () => (await send([ann.address], ip)).code === 250);
    }
  });

  test("false evidence is void, and a pardon can be taken back", async () => {
    assert.match(await follow("4. Take false evidence away"), /voided +\["evt_[0-9a-z]+","evt_[0-9a-z]+"\]/);
    assert.match(await follow("5. Take it back"), /isInForce +false/);
    const undone = await follow("5. Take it back", 1);
    assert.match(undone, /pardon bank\.example[^\n]*the wrong one/);
    const inForce = await shell.run('mailfold senders show "$LISTING" --json | jq -r ".listing.pardons[0].isInForce"');
    assert.equal(inForce.trim(), "false");
  });

  test("the platform's list: accept the sender, or do without it", async () => {
    await follow("When the listing is the platform's", 0);
    await follow("When the listing is the platform's", 1);
  });

  test("every command of the page was run", () => {
    const all = [...blocks].flatMap(([heading, list]) => list.map((_, index) => `${heading} ${index}`));
    assert.deepEqual(
      all.filter((name) => !followed.has(name)),
      [],
    );
  });
});
