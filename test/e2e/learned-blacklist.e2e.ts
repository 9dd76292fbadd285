import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testEveryRefusal } from "./explained-refusals.ts";
import { openImap } from "./imap-reader.ts";
import { type NameServer, startNameServer, txt } from "./name-server.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { addEntry, type Explained, explained, outcomeOf, referenceIn, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { type Reply, sendLetter } from "./smtp-dialogue.ts";

/** A spammer with a domain of its own: both its addresses may send for it, so DMARC passes. */
const spammer = { ip: "198.51.100.7", other: "203.0.113.9", from: "news@offer.example" } as const;

describe("a blacklist that learns from what users do in their mail client", () => {
  let dns: NameServer;
  let platform: Platform;
  let acme: Tenant;
  let ann: MailboxLogin;
  let ben: MailboxLogin;
  before(async () => {
    dns = await startNameServer({
      records: [
        ["offer.example", "MX", "10 mx.offer.example."],
        ["mx.offer.example", "A", spammer.ip],
        ["offer.example", "TXT", txt(`v=spf1 ip4:${spammer.ip} ip4:${spammer.other} -all`)],
        ["_dmarc.offer.example", "TXT", txt("v=DMARC1; p=none")],
        ["friend.example", "MX", "10 mx.offer.example."],
      ],
    });
    platform = await startPlatform({ env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address } });
    acme = await provisionTenant(platform, "acme", { locals: ["ann", "ben", "cem"] });
    [ann, ben] = acme.mailboxes as [MailboxLogin, MailboxLogin];
    // Two users are enough here, and what they say is enough to refuse.
    const lenient = { verifyHelo: "off", reverseDns: "off", "learning.thresholds": { defer: 1, reject: 3.5 } };
    await setPolicy(platform, { tenantId: acme.id }, lenient);
  });
  after(async () => {
    await platform?.stop();
    await dns?.stop();
  });

  const send = async (to: string, more: { readonly ip?: string; readonly from?: string } = {}): Promise<Reply> => {
    const { from = spammer.from, ip = spammer.ip } = more;
    const message = `From: <${from}>\nTo: <${to}>\nSubject: an offer\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n\nhello\n`;
    const { final } = await sendLetter({ port: platform.ports.smtp, proxyFrom: ip }, { from, to: [to], message });
    return final;
  };
  const reasonOf = async (reply: Reply): Promise<Explained> => explained(platform, referenceIn(reply));
  const throwAway = async (login: MailboxLogin): Promise<void> => {
    const client = await openImap(platform.ports.imap, login);
    try {
      await client.mailboxOpen("INBOX");
      await client.messageMove("1:*", "Junk");
    } finally {
      await client.logout();
    }
  };
  const hasMetric = async (text: string): Promise<boolean> =>
    (await (await fetch(`http://127.0.0.1:${platform.ports.http}/metrics`)).text()).includes(text);
  const listedEvents = async (): Promise<readonly { readonly type: string; readonly data: never }[]> => {
    const query = `{ auditEvents(first: 100, where: {types: ["SenderListed", "SenderDelisted"]}) { nodes { id type } } }`;
    return (await platform.graphql<{ auditEvents: { nodes: readonly never[] } }>(query)).auditEvents.nodes;
  };
  const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!(await look())) {
      assert.ok(Date.now() < deadline, `20 s without: ${what}\n${platform.stderr()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const codeFor = async (more: { readonly ip?: string; readonly from?: string } = {}) =>
    (await send(ann.address, more)).code;

  test("one user's word lists nobody; a second one's does, and the next mail is refused with its listing", async () => {
    for (const to of [ann, ann, ben, ben]) assert.equal((await send(to.address)).code, 250);
    await throwAway(ann);
    await until("ann's marks learned", () => hasMetric('mailfold_reputation_evidence_total{kind="userSpam"} 2'));
    assert.deepEqual(await listedEvents(), []);
    await throwAway(ben);
    await until("a listing", async () => (await listedEvents()).length >= 3);
    await until("a refusal", async () => (await codeFor()) === 550);

    const refused = await send(ann.address);
    assert.match(refused.text, /^5\.7\.1 Too much spam came from your address \(ref vrd_[0-9a-z]{26}\)$/);
    const verdict = await reasonOf(refused);
    const decisive = verdict.trace.at(-1);
    assert.deepEqual([verdict.reason, decisive?.setAtScope, verdict.traceIsExact], ["learned-ip", acme.id, true]);
    assert.match(decisive?.detail ?? "", /^listing lst_[0-9a-z]{26} 198\.51\.100\.7 until \d+$/);
    assert.ok((await listedEvents()).some((event) => (event as { id?: string }).id === decisive?.byEvent));
  });

  test("its proven author is known from another address, too; a forger of the name is no author", async () => {
    const refused = await send(ann.address, { ip: spammer.other });
    assert.equal(refused.code, 550, refused.text);
    assert.equal((await reasonOf(refused)).reason, "learned-sender");
    const forged = await send(ann.address, { ip: "192.0.2.99" });
    assert.equal(forged.code, 250, "SPF and DMARC fail, but the owner asks for nothing: no listing counts");
  });

  test("nobody else is touched, and other senders are not", async () => {
    assert.equal(await codeFor({ ip: "192.0.2.98", from: "joe@friend.example" }), 250);
    const client = await openImap(platform.ports.imap, ann);
    try {
      await client.mailboxOpen("INBOX");
      await client.messageFlagsAdd("*", ["\\Seen"]);
    } finally {
      await client.logout();
    }
    await until("the letter read", () => hasMetric('mailfold_reputation_evidence_total{kind="read"} 1'));
    const rival = await provisionTenant(platform, "rival", { resellerId: acme.resellerId });
    const to = rival.mailboxes[0]?.address ?? "";
    const outcome = await outcomeOf(platform, { proxyFrom: spammer.ip }, { from: spammer.from, to: [to] });
    assert.match(outcome, /^250 /);
  });

  test("kill -9, and the list is in force from the first mail on", { timeout: 60_000 }, async () => {
    const before = await listedEvents();
    await platform.stop("SIGKILL");
    platform = await startPlatform({
      dataDir: platform.dataDir,
      env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address },
    });
    assert.equal(await codeFor(), 550);
    assert.deepEqual(await listedEvents(), before);
  });

  test("a pardon lets in, and lifting it lists again", async () => {
    const scope = { tenantId: acme.id };
    for (const subject of [spammer.ip, "@offer.example"]) {
      const input = { scope, subject, forDuration: "P7D", reason: "they promised" };
      await mutate(platform, "senderPardon", "pardon { id }", input);
    }
    const input = { scope, subject: spammer.from, forDuration: "P7D" };
    const { pardon } = await mutate(platform, "senderPardon", "pardon { id }", input);
    await until("it is let in", async () => (await codeFor()) === 250);
    const { id: pardonId } = pardon as unknown as { id: string };
    await mutate(platform, "senderPardonLift", "pardon { id }", { pardonId });
    await until("the author is listed again", async () => (await codeFor()) === 550);
    assert.equal((await reasonOf(await send(ann.address))).reason, "learned-sender");
  });

  test("an accept entry wins", async () => {
    await addEntry(platform, { tenantId: acme.id }, { list: "ACCEPT", pattern: spammer.ip });
    const taken = await send(ann.address);
    assert.equal(taken.code, 250, taken.text);
    assert.equal((await reasonOf(taken)).reason, "accept-listed");
  });

  test("a spam trap answers like any unknown address, and lists who writes to it", async () => {
    await setPolicy(platform, { domainId: acme.domainId }, { spamTraps: ["old.staff@acme.test"] });
    const ip = "203.0.113.50";
    const trapped = await send("old.staff@acme.test", { ip });
    const unknown = await send("nobody@acme.test", { ip: "203.0.113.51" });
    const words = ({ code, text }: Reply) => [code, text.replace(/vrd_\w+/, "")];
    assert.deepEqual(words(trapped), words(unknown));
    assert.equal((await reasonOf(trapped)).reason, "recipient-spam-trap");
    // Three traps of three letters: nine points, and nothing but spam.
    for (let n = 0; n < 4; n++) await send("old.staff@acme.test", { ip });
    const from = "joe@friend.example";
    await until("the trapped are listed", async () => (await codeFor({ ip, from })) === 550);
  });

  testEveryRefusal(() => platform);
});
