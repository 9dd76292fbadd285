import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { reverseName } from "./dns-responder.ts";
import { type NameServer, startNameServer } from "./name-server.ts";
import { openSession } from "./open-session.ts";
import { folderTexts, mail } from "./options/option-world.ts";
import { commandsOf, openPageShell, type PageShell } from "./page-commands.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { addEntry, setPolicy } from "./policy-calls.ts";
import { provisionTenant, type Tenant } from "./provision.ts";
import type { Reply } from "./smtp-dialogue.ts";

const page = "docs/how-to/fix-a-rejection.md";
const blocks = commandsOf(page);
const followed = new Set<string>();
const partner = "192.0.2.50";
const nameless = "192.0.2.51";
let dns: NameServer;
let platform: Platform;
let shell: PageShell;

before(async () => {
  dns = await startNameServer({
    records: [
      ["partner.example", "MX", "10 mail.partner.example."],
      ["mail.partner.example", "A", partner],
      [reverseName(partner), "PTR", "mail.partner.example."],
    ],
  });
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address } });
  shell = openPageShell(platform.dataDir);
});
after(async () => {
  await platform?.stop();
  await dns?.stop();
});

/** A tenant of its own, which the page's TENANT means from now on. */
async function tenantOf(name: string): Promise<Tenant & { readonly scope: { readonly tenantId: string } }> {
  const tenant = await provisionTenant(platform, name);
  shell.given.set("TENANT", tenant.id);
  return { ...tenant, scope: { tenantId: tenant.id } };
}

interface Letter {
  readonly to: string;
  readonly ip?: string;
  readonly subject?: string;
  readonly body?: string;
}
/** What the partner's server is told about one letter: the refusal, or what comes after the body. */
async function send({ to, ip = partner, subject = "order", body = "Bread, please\n" }: Letter): Promise<Reply> {
  const { dialogue } = await openSession({ port: platform.ports.smtp, proxyFrom: ip, helo: "mail.partner.example" });
  await dialogue.command("MAIL FROM:<sales@partner.example>");
  let reply = await dialogue.command(`RCPT TO:<${to}>`);
  if (reply.code === 250) {
    await dialogue.command("DATA");
    reply = await dialogue.body(mail(subject, { body }).replaceAll("someone@foreign.example", "sales@partner.example"));
  }
  dialogue.close();
  return reply;
}

/** Runs a command block of the page. */
async function follow(heading: string, index = 0): Promise<string> {
  const block = blocks.get(heading)?.[index];
  assert.ok(block !== undefined, `${page} has no command block ${index} under "${heading}"`);
  followed.add(`${heading} ${index}`);
  return shell.run(block);
}

/** The letter is refused; the page's first step, with the reference out of the rejection's text, answers why. */
async function whyRefused(letter: Letter): Promise<string> {
  const reply = await send(letter);
  assert.equal(reply.code, 550, reply.text);
  const reference = /\(ref (vrd_[0-9a-z]+)\)/.exec(reply.text)?.[1] ?? "";
  shell.given.set("REF", reference);
  assert.match(await follow("1. Why", 0), new RegExp(`${reference}`));
  return follow("1. Why", 1);
}
async function arrives(letter: Letter): Promise<void> {
  const reply = await send(letter);
  assert.equal(reply.code, 250, reply.text);
}

describe("docs/how-to/fix-a-rejection.md, from the rejection's text alone", () => {
  test("a list names the sender: the entry is removed", async () => {
    const { scope } = await tenantOf("removal");
    const letter = { to: "user@removal.test" };
    await addEntry(platform, scope, { list: "KILL", pattern: "@partner.example" });
    assert.match(await whyRefused(letter), /^kill-listed[\s\S]*killList[\s\S]*sle_/);
    await follow("A list names the sender", 0);
    await arrives(letter);
  });

  test("a list names the sender: the sender is accepted", async () => {
    const { scope } = await tenantOf("acceptance");
    const letter = { to: "user@acceptance.test" };
    await addEntry(platform, scope, { list: "KILL", pattern: "@*partner.example" });
    await whyRefused(letter);
    await follow("A list names the sender", 1);
    await arrives(letter);
  });

  test("a check of the sender's server: its address is accepted, or the check counts points", async () => {
    for (const [index, name] of ["address", "points"].entries()) {
      const { scope } = await tenantOf(name);
      const letter = { to: `user@${name}.test`, ip: nameless };
      await setPolicy(platform, scope, { reverseDns: "reject" });
      assert.match(await whyRefused(letter), /^reverse-dns-missing[\s\S]*reverseDns/);
      await follow("A check of the sender's server", index);
      await arrives(letter);
    }
  });

  test("the content: the sender is accepted, or the limit raised", async () => {
    for (const [index, name] of ["wanted", "limit"].entries()) {
      const { scope } = await tenantOf(name);
      const letter = { to: `user@${name}.test`, body: "Special offer\n" };
      await setPolicy(platform, scope, { phraseList: [{ phrase: "special offer", points: 20 }] });
      assert.match(await whyRefused(letter), /^spam-rejected[\s\S]*spamThresholds[\s\S]*phrases/);
      await follow("The content", index);
      await arrives(letter);
    }
  });

  test("the recipient: the mailbox is made", async () => {
    await tenantOf("bakery");
    const letter = { to: "anna@bakery.test" };
    assert.match(await whyRefused(letter), /^recipient-unknown/);
    await follow("The recipient");
    await arrives(letter);
  });

  test("quarantine: the copy is found, looked at and released as it came; the sender's next mail is not held", async () => {
    const { scope, mailboxes } = await tenantOf("held");
    const [user] = mailboxes;
    assert.ok(user);
    const letter = { to: "user@held.test", subject: "held order", body: "Special offer\n" };
    await setPolicy(platform, scope, {
      phraseList: [{ phrase: "special offer", points: 8 }],
      junkAction: "quarantine",
    });
    await arrives(letter);
    assert.equal((await folderTexts(platform, user)).length, 0, "nobody has it");
    await follow("When it was taken, but nobody has it");
    const [released, ...rest] = await folderTexts(platform, user);
    assert.deepEqual(rest, []);
    assert.match(released ?? "", /^Subject: held order\r\n[\s\S]*\r\n\r\nSpecial offer\r\n$/m);
    await arrives({ ...letter, subject: "next order" });
    assert.equal((await folderTexts(platform, user)).length, 2);
  });

  test("every command of the page was run", () => {
    const all = [...blocks].flatMap(([heading, list]) => list.map((_, index) => `${heading} ${index}`));
    assert.deepEqual(
      all.filter((name) => !followed.has(name)),
      [],
    );
  });
});
