import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { correspondents } from "./correspondents.ts";
import { type DnsResponder, startDnsResponder } from "./dns-responder.ts";
import { type FeedConnection, openFeed } from "./feed-connection.ts";
import { messageIdCounts } from "./imap-reader.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { explained, referenceIn } from "./policy-calls.ts";
import { mutate } from "./provision.ts";
import { provisioningScript } from "./provisioning-script.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

describe("an ISP's provisioning script", () => {
  let platform: Platform;
  let sink: SmtpSink;
  let dns: DnsResponder;
  let resellerId: string;
  let token: string;
  let tenantId: string;
  let domainId: string;
  let mailboxId: string;
  let feed: FeedConnection;
  const anna = { id: "", address: "anna@firm.test", password: "a long enough password" };

  before(async () => {
    sink = await startSmtpSink();
    dns = await startDnsResponder({});
    platform = await startPlatform({
      env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address, MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}` },
    });
    // What the operator hands to the ISP: a reseller and its token.
    const made = await mutate(platform, "resellerCreate", "reseller { id }", { name: "ISP", externalId: "isp" });
    resellerId = (made.reseller as unknown as { id: string }).id;
    const secret = await mutate(platform, "tokenCreate", "secret", { name: "script", scope: { resellerId } });
    token = secret.secret as unknown as string;
  });
  after(async () => {
    feed?.socket.terminate();
    assert.equal(await platform.stop(), 0);
    await sink.close();
    dns.close();
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
  });

  const { run, done, ask } = provisioningScript(() => ({ port: platform.ports.http, token }));
  const { fromOutside, submit, canLogIn } = correspondents(() => platform.ports);
  async function untilSeen(type: string, tenant = tenantId): Promise<void> {
    await feed.until(() => feed.of("event").some(({ event }) => event?.type === type && event.tenantid === tenant));
  }

  test("tenant: a retry with the same commandId replays, other input is refused, dryRun writes nothing", async () => {
    feed = await openFeed(platform.ports.http, token);
    feed.send({ type: "subscribe", id: "live", from: "now" });
    await feed.until(() => feed.of("caughtUp")[0]);

    const input = { resellerId, name: "Firm", externalId: "customer-4711" };
    const dry = await run("tenantCreate", "tenant", { ...input, dryRun: true });
    assert.deepEqual([dry.errors, dry.receipt?.dryRun, dry.receipt?.eventIds, dry.object], [[], true, [], null]);
    assert.deepEqual((await ask("{ tenants { nodes { id } } }")).tenants, { nodes: [] }, "dryRun writes nothing");
    const wrong = await run("tenantCreate", "tenant", { ...input, name: "", dryRun: true });
    assert.equal(wrong.errors[0]?.code, "INVALID_INPUT", "dryRun decides as the real thing does");

    const first = await done("tenantCreate", "tenant", { ...input, commandId: "order-1" });
    assert.deepEqual([first.receipt.replayed, first.receipt.eventIds.length], [false, 1]);
    tenantId = first.object.id as string;
    const again = await done("tenantCreate", "tenant", { ...input, commandId: "order-1" });
    assert.deepEqual(again.object, first.object);
    assert.deepEqual({ ...again.receipt, lagging: false }, { ...first.receipt, lagging: false, replayed: true });
    const other = await run("tenantCreate", "tenant", { ...input, name: "Other", commandId: "order-1" });
    assert.deepEqual([other.errors[0]?.code, other.object, other.receipt], ["COMMAND_REUSED", null, null]);
    const taken = await run("tenantCreate", "tenant", { ...input, commandId: "order-2" });
    assert.equal(taken.errors[0]?.code, "EXTERNAL_ID_TAKEN");
    const found = await ask('{ tenant(by: {externalId: "customer-4711"}) { id name } }');
    assert.deepEqual(found.tenant, { id: tenantId, name: "Firm" });
    await untilSeen("TenantCreated");
  });

  test("domain: proven by the DNS record that domainAdd names", async () => {
    const selection = "id verified verification { recordName recordType recordValue }";
    const added = await done("domainAdd", "domain", { tenantId, name: "Firm.TEST" }, selection);
    domainId = added.object.id as string;
    assert.equal(added.object.verified, false);
    const record = added.object.verification as { recordName: string; recordType: string; recordValue: string };
    assert.equal(record.recordType, "TXT");
    const early = await run("domainVerify", "domain", { domainId });
    assert.equal(early.errors[0]?.code, "DOMAIN_NOT_PROVEN");
    dns.zones.set(record.recordName, { TXT: [record.recordValue] });
    const verified = await done("domainVerify", "domain", { domainId }, "verified");
    assert.equal(verified.object.verified, true);
    await untilSeen("DomainVerified");
  });

  test("mailbox: waitFor reads the script's own write; a retry with another password is refused", async () => {
    const input = {
      tenantId,
      address: "Anna@firm.test",
      password: anna.password,
      displayName: "Anna",
      commandId: "mbx-1",
    };
    const { object, receipt } = await done("mailboxCreate", "mailbox", input, "id address");
    mailboxId = object.id as string;
    assert.equal(object.address, anna.address);
    const query = "query($a: String, $w: String) { mailbox(by: {address: $a}, waitFor: $w) { id displayName status } }";
    const { mailbox } = await ask(query, { a: anna.address, w: receipt.position });
    assert.deepEqual(mailbox, { id: mailboxId, displayName: "Anna", status: "ACTIVE" });
    const again = await done("mailboxCreate", "mailbox", input, "id address");
    assert.deepEqual([again.object.id, again.receipt.replayed], [mailboxId, true]);
    const other = await run("mailboxCreate", "mailbox", { ...input, password: "quite another password" });
    assert.equal(other.errors[0]?.code, "COMMAND_REUSED");
    const taken = await run("mailboxCreate", "mailbox", { ...input, commandId: "mbx-2" });
    assert.deepEqual([taken.errors[0]?.code, taken.errors[0]?.path], ["ADDRESS_TAKEN", ["address"]]);
    await untilSeen("MailboxCreated");
    assert.doesNotMatch(JSON.stringify(feed.messages), /a long enough|another password|argon2/);
  });

  test("mail flows at once: SMTP in, IMAP out, submission to the world", async () => {
    const { code, id, text } = await fromOutside(anna.address);
    assert.equal(code, 250, text);
    assert.equal((await messageIdCounts(platform.ports.imap, anna)).get(id), 1);
    const sent = await submit(anna, "someone@elsewhere.example");
    assert.equal(sent.code, 250, sent.text);
    assert.equal((await sink.letterTo("someone@elsewhere.example")).from, anna.address);
    const unknown = await fromOutside("nobody@firm.test");
    assert.equal(unknown.code, 550);
    assert.match(unknown.text, /5\.1\.1 .*\(ref vrd_\w{26}\)/);
  });

  const off = { login: false, submission: false, inbound: false, forwarding: false };
  /** What works while the tenant is suspended by one switch. */
  const effects = {
    login: { inbound: 250, submit: 535, login: false },
    submission: { inbound: 250, submit: 550, login: true },
    inbound: { inbound: 550, submit: 250, login: true },
    forwarding: { inbound: 250, submit: 250, login: true },
  } as const;
  for (const [name, expected] of Object.entries(effects)) {
    test(`tenantSuspend, switch ${name}: its own effect and no other; tenantResume restores`, async () => {
      const switches = { ...off, [name]: true };
      const input = { tenantId, reason: "NON_PAYMENT", switches };
      const selection = "suspended suspensionReason switches { login submission inbound forwarding }";
      const { object } = await done("tenantSuspend", "tenant", input, selection);
      assert.deepEqual([object.suspended, object.suspensionReason, object.switches], [true, "NON_PAYMENT", switches]);
      const inbound = await fromOutside(anna.address);
      assert.equal(inbound.code, expected.inbound, inbound.text);
      if (inbound.code === 550) assert.match(inbound.text, /^5\.2\.1 .*\(ref vrd_/);
      const submitted = await submit(anna, `during-${name}@elsewhere.example`);
      assert.equal(submitted.code, expected.submit, submitted.text);
      assert.equal(await canLogIn(anna), expected.login);
      await untilSeen("TenantSuspended");

      const resumed = await done("tenantResume", "tenant", { tenantId }, selection);
      assert.deepEqual([resumed.object.suspended, resumed.object.switches], [false, off]);
      assert.equal((await fromOutside(anna.address)).code, 250);
      assert.equal((await submit(anna, `after-${name}@elsewhere.example`)).code, 250);
      assert.equal(await canLogIn(anna), true);
    });
  }

  test("an unverified domain may receive, but not relay", async () => {
    await done("domainAdd", "domain", { tenantId, name: "claimed.test" });
    const carl = { id: "", address: "carl@claimed.test", password: "carl has a password" };
    await done("mailboxCreate", "mailbox", { tenantId, address: carl.address, password: carl.password });
    const { code, id } = await fromOutside(carl.address);
    assert.equal(code, 250);
    assert.equal((await messageIdCounts(platform.ports.imap, carl)).get(id), 1);
    const refused = await submit(carl, "never@elsewhere.example");
    assert.equal(refused.code, 550, refused.text);
    assert.match(refused.text, /^5\.7\.1 Sender domain is not verified/);
    assert.equal((await explained(platform, referenceIn(refused))).reason, "sender-domain-unverified");
    assert.equal(sink.lettersTo("never@elsewhere.example").length, 0);
  });

  test("mailbox delete frees the address and keeps the mail; restore brings both back", async () => {
    const before = await messageIdCounts(platform.ports.imap, anna);
    assert.ok(before.size >= 8, `${before.size} letters`);
    await done("mailboxDelete", "mailbox", { mailboxId }, "status");
    assert.equal((await fromOutside(anna.address)).code, 550);
    assert.equal(await canLogIn(anna), false);
    await done("mailboxRestore", "mailbox", { mailboxId }, "status");
    assert.deepEqual(await messageIdCounts(platform.ports.imap, anna), before);
    assert.equal((await fromOutside(anna.address)).code, 250);

    await done("mailboxDelete", "mailbox", { mailboxId }, "status");
    const successor = { tenantId, address: anna.address, password: "the successor's password" };
    const { object } = await done("mailboxCreate", "mailbox", successor);
    const taken = await run("mailboxRestore", "mailbox", { mailboxId });
    assert.equal(taken.errors[0]?.code, "ADDRESS_TAKEN");
    const next = { id: "", address: anna.address, password: successor.password };
    assert.equal((await messageIdCounts(platform.ports.imap, next)).size, 0, "a successor does not see the old mail");
    await done("mailboxDelete", "mailbox", { mailboxId: object.id });
    await done("mailboxRestore", "mailbox", { mailboxId }, "status");
    assert.equal((await messageIdCounts(platform.ports.imap, anna)).size, before.size + 1);
  });

  test("a full mailbox answers 452 4.2.2; more quota opens it again", async () => {
    await done("mailboxUpdate", "mailbox", { mailboxId, quotaBytes: 1_000 }, "quotaBytes");
    const full = await fromOutside(anna.address);
    assert.equal(full.code, 452, full.text);
    assert.match(full.text, /^4\.2\.2 .*\(ref vrd_/);
    await done("mailboxUpdate", "mailbox", { mailboxId, quotaBytes: 10_000_000 }, "quotaBytes");
    assert.equal((await fromOutside(anna.address)).code, 250);
  });

  test("a new password works at once, the old one no more; a suspended mailbox neither receives nor logs in", async () => {
    await done("mailboxSetPassword", "mailbox", { mailboxId, password: "anna's next password" });
    assert.equal(await canLogIn(anna), false);
    const next = { ...anna, password: "anna's next password" };
    assert.equal(await canLogIn(next), true);
    await done("mailboxSuspend", "mailbox", { mailboxId, reason: "COMPROMISED" });
    assert.equal((await fromOutside(anna.address)).code, 550);
    assert.equal(await canLogIn(next), false);
    await done("mailboxResume", "mailbox", { mailboxId });
    assert.equal((await fromOutside(anna.address)).code, 250);
    assert.equal(await canLogIn(next), true);
  });

  test("the feed told all of it live, once and in order", async () => {
    const last = await done("aliasAdd", "alias", { tenantId, address: "info@firm.test", targets: [mailboxId] });
    await feed.until(() => feed.of("event").at(-1)?.position === last.receipt.position);
    const events = feed.of("event");
    const positions = events.map((message) => message.position ?? "");
    assert.deepEqual(positions, [...new Set(positions)].sort());
    const admin = new Set(events.map(({ event }) => event?.type));
    const types = [
      "TenantCreated",
      "DomainAdded",
      "DomainVerified",
      "MailboxCreated",
      "TenantSuspended",
      "TenantResumed",
    ];
    for (const type of [...types, "MailboxDeleted", "MailboxRestored", "AliasAdded", "VerdictRecorded"])
      assert.ok(admin.has(type), `${type} of ${[...admin].join()}`);
    const count = (type: string) => events.filter(({ event }) => event?.type === type).length;
    assert.deepEqual([count("TenantSuspended"), count("TenantResumed"), count("MailboxRestored")], [4, 4, 2]);
    assert.ok(events.every(({ event }) => event?.tenantid === tenantId));
  });
});
