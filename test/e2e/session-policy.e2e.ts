import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openSession } from "./open-session.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { addEntry, everywhere, outcomeOf, outcomeOfReply, refusedPolicy, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import type { Dialogue, Reply } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

let sink: SmtpSink;
let platform: Platform;
let acme: Tenant;
let rival: Tenant;
let scope: { readonly tenantId: string };

before(async () => {
  sink = await startSmtpSink();
  platform = await startPlatform({ env: { MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`, MAILFOLD_DEMO: "0" } });
  // The peers of these tests have no names in DNS, which is for other tests to weigh.
  await setPolicy(platform, everywhere, { verifyHelo: "off", verifySenderDomain: "off", reverseDns: "off" });
  acme = await provisionTenant(platform, "acme", { locals: ["user", "ann", "bob", "cy"] });
  rival = await provisionTenant(platform, "rival");
  scope = { tenantId: acme.id };
});
after(async () => {
  await platform?.stop();
  await sink?.close();
});

const ours = "user@acme.test";
const stranger = "someone@foreign.example";
const kill = (pattern: string, more: { readonly expiresAt?: string } = {}) =>
  addEntry(platform, scope, { list: "KILL", pattern, ...more });
/** Inbound mail to acme's user: `code reason`. */
const inbound = (from: string, ip: string, message?: string) =>
  outcomeOf(platform, { proxyFrom: ip }, { from, to: [ours], ...(message === undefined ? {} : { message }) });

const session = ({ ip, ...more }: { readonly ip: string; readonly helo?: string; readonly port?: number }) =>
  openSession({ port: platform.ports.smtp, proxyFrom: ip, ...more });

/** The last reply to commands said one after the other. */
async function last(dialogue: Dialogue, ...commands: readonly string[]): Promise<Reply> {
  let reply: Reply = { code: 0, text: "" };
  for (const command of commands) reply = await dialogue.command(command);
  return reply;
}

describe("kill and accept lists", () => {
  test("every kind of pattern kills what it names and nothing beside it", async () => {
    for (const pattern of ["192.0.2.10", "198.51.100.64/26", "2001:db8:66::/48", "bad-helo.example"])
      await kill(pattern);
    for (const pattern of ["joe@killed.example", "@gone.example", "@*widget.example"]) await kill(pattern);
    const cases: readonly (readonly [from: string, ip: string, killed: boolean])[] = [
      [stranger, "192.0.2.10", true],
      [stranger, "192.0.2.11", false],
      [stranger, "198.51.100.100", true],
      [stranger, "198.51.100.1", false],
      [stranger, "2001:db8:66:7::1", true],
      [stranger, "2001:db8:67::1", false],
      ["joe@killed.example", "192.0.2.12", true],
      ["JOE@Killed.Example", "192.0.2.12", true],
      ["jane@killed.example", "192.0.2.12", false],
      ["anybody@gone.example", "192.0.2.12", true],
      ["anybody@sub.gone.example", "192.0.2.12", false],
      ["anybody@megawidget.example", "192.0.2.12", true],
      ["anybody@a.widget.example", "192.0.2.12", true],
      ["anybody@widget.example.org", "192.0.2.12", false],
      ["", "192.0.2.12", false],
    ];
    for (const [from, ip, killed] of cases)
      assert.equal(await inbound(from, ip), killed ? "550 kill-listed" : "250 accepted", `<${from}> from ${ip}`);
  });

  test("a host is known by HELO, whatever its case", async () => {
    for (const [helo, answer] of [
      ["Bad-Helo.Example", "550 kill-listed"],
      ["good-helo.example", "250 accepted"],
    ] as const) {
      const { dialogue } = await session({ ip: "192.0.2.13", helo });
      const rcpt = await last(dialogue, `MAIL FROM:<${stranger}>`, `RCPT TO:<${ours}>`);
      assert.equal(rcpt.code, Number(answer.slice(0, 3)), rcpt.text);
      if (rcpt.code !== 250) assert.equal(await outcomeOfReply(platform, rcpt), answer);
      dialogue.close();
    }
  });

  test("a tenant's entry is its own: another tenant's mailbox takes the same mail", async () => {
    const letter = { from: "joe@killed.example", to: ["user@rival.test"] };
    assert.equal(await outcomeOf(platform, { proxyFrom: "192.0.2.10" }, letter), "250 accepted");
  });

  test("an entry ends with its expiry", async () => {
    const expiresAt = Date.now() + 3_000;
    await kill("@road.example", { expiresAt: new Date(expiresAt).toISOString() });
    assert.equal(await inbound("x@road.example", "192.0.2.14"), "550 kill-listed");
    await new Promise((resolve) => setTimeout(resolve, expiresAt - Date.now() + 100));
    assert.equal(await inbound("x@road.example", "192.0.2.14"), "250 accepted");
  });

  test("accept beats kill, by IP and by sender; removing it kills again", async () => {
    const byIp = await addEntry(platform, scope, { list: "ACCEPT", pattern: "198.51.100.101" });
    assert.equal(await inbound(stranger, "198.51.100.101"), "250 accept-listed");
    await mutate(platform, "senderEntryRemove", "entry { id }", { entryId: byIp });
    assert.equal(await inbound(stranger, "198.51.100.101"), "550 kill-listed");
    await addEntry(platform, { domainId: acme.domainId }, { list: "ACCEPT", pattern: "friend@gone.example" });
    assert.equal(await inbound("friend@gone.example", "192.0.2.15"), "250 accept-listed");
    assert.equal(await inbound("foe@gone.example", "192.0.2.15"), "550 kill-listed");
  });

  test("a pattern that names nothing is refused with words", async () => {
    await assert.rejects(kill("not a pattern"), /none of: IP, CIDR, host name, user@host, @host, @\*suffix/);
    await assert.rejects(kill("192.0.2.1/24"), /PATTERN_INVALID/);
  });
});

describe("envelope and content", () => {
  test("refuseNullSender refuses <> alone; an accept entry beats it", async () => {
    assert.equal(await inbound("", "192.0.2.20"), "250 accepted");
    await setPolicy(platform, scope, { refuseNullSender: true });
    assert.equal(await inbound("", "192.0.2.20"), "550 null-sender-refused");
    assert.equal(await inbound(stranger, "192.0.2.20"), "250 accepted");
    await addEntry(platform, scope, { list: "ACCEPT", pattern: "192.0.2.21" });
    assert.equal(await inbound("", "192.0.2.21"), "250 accept-listed");
    await setPolicy(platform, scope, { refuseNullSender: false });
  });

  test("requireFromOrReplyTo: relayed (default), always, off", async () => {
    await setPolicy(platform, scope, { relayMode: "addresses", relayAddresses: ["192.0.2.22"] });
    const bare = "Subject: nothing else\n\nx\n";
    const leaving = (message: string) =>
      outcomeOf(platform, { proxyFrom: "192.0.2.22" }, { from: ours, to: ["x@elsewhere.example"], message });
    assert.equal(await leaving(bare), "550 header-missing");
    assert.equal(await leaving(`Reply-To: ${ours}\n${bare}`), "250 relay-address");
    assert.equal(await leaving(`From: no address at all\n${bare}`), "550 header-missing");
    assert.equal(await inbound(stranger, "192.0.2.23", bare), "250 accepted");
    await setPolicy(platform, scope, { requireFromOrReplyTo: "always" });
    assert.equal(await inbound(stranger, "192.0.2.23", bare), "550 header-missing");
    await setPolicy(platform, scope, { requireFromOrReplyTo: "off" });
    assert.equal(await leaving(bare), "250 relay-address");
  });

  test("maxRecipientsPerMessage: further recipients are deferred, those before are served", async () => {
    await setPolicy(platform, scope, { maxRecipientsPerMessage: 3 });
    const { dialogue } = await session({ ip: "192.0.2.24" });
    await dialogue.command(`MAIL FROM:<${stranger}>`);
    const replies: Reply[] = [];
    for (const { address } of acme.mailboxes) replies.push(await dialogue.command(`RCPT TO:<${address}>`));
    assert.deepEqual(
      replies.map((reply) => reply.code),
      [250, 250, 250, 452],
    );
    assert.equal(await outcomeOfReply(platform, replies[3] as Reply), "452 too-many-recipients");
    await dialogue.command("DATA");
    assert.equal((await dialogue.body("From: x@foreign.example\n\nx\n")).code, 250);
    dialogue.close();
    await setPolicy(platform, scope, { maxRecipientsPerMessage: 100 });
  });

  test("sizeLimitBytes: declared or real, the tenant's limit holds, and EHLO tells the largest", async () => {
    await setPolicy(platform, scope, { sizeLimitBytes: 65_536 });
    const { dialogue, ehlo } = await session({ ip: "192.0.2.25" });
    assert.match(ehlo.text, /^SIZE 52428800$/m);
    const declared = await last(dialogue, `MAIL FROM:<${stranger}> SIZE=70000`, `RCPT TO:<${ours}>`);
    assert.equal(await outcomeOfReply(platform, declared), "552 size-exceeded");
    const beyondAll = await last(dialogue, "RSET", `MAIL FROM:<${stranger}> SIZE=60000000`, `RCPT TO:<${ours}>`);
    assert.equal(await outcomeOfReply(platform, beyondAll), "552 size-exceeded");
    dialogue.close();
    const big = `From: x@foreign.example\n\n${"x".repeat(70)}\n`.padEnd(70_000, `${"y".repeat(70)}\n`);
    assert.equal(await inbound(stranger, "192.0.2.25", big), "552 size-exceeded");
    assert.equal(await inbound(stranger, "192.0.2.25", big.slice(0, 60_000)), "250 accepted");
    const neighbour = { from: stranger, to: ["user@rival.test"], message: big };
    assert.equal(await outcomeOf(platform, { proxyFrom: "192.0.2.25" }, neighbour), "250 accepted");
  });
});

describe("logins", () => {
  const external = "x@elsewhere.example";
  const user = () => acme.mailboxes[0] as MailboxLogin;
  const submit = (from: string, header: string, to = external) =>
    outcomeOf(
      platform,
      { port: platform.ports.submission, startTls: true, proxyFrom: "192.0.2.30" },
      { from, to: [to], login: user(), message: `From: ${header}\nSubject: s\n\nx\n` },
    );

  test("senderMustMatchLogin: MAIL FROM and From; off, but never as another tenant", async () => {
    assert.equal(await submit(ours, ours), "250 relay-login");
    assert.equal(await submit("ann@acme.test", ours), "553 sender-mismatch");
    assert.equal(await submit(stranger, ours), "553 sender-mismatch");
    assert.equal(await submit(ours, "ann@acme.test"), "550 from-mismatch");
    assert.equal(await submit(ours, `${ours}\nFrom: ann@acme.test`), "550 from-mismatch");
    await mutate(platform, "aliasAdd", "alias { id }", {
      tenantId: acme.id,
      address: "sales@acme.test",
      targets: [user().id],
    });
    assert.equal(await submit("sales@acme.test", "sales@acme.test"), "250 relay-login");
    await setPolicy(platform, scope, { senderMustMatchLogin: false });
    assert.equal(await submit(stranger, stranger), "250 relay-login");
    assert.equal(await submit(`user@${rival.domain}`, ours), "553 sender-foreign-tenant");
    await setPolicy(platform, scope, { senderMustMatchLogin: true });
  });

  test("requireTls: no AUTH before STARTTLS, and only the platform may loosen that", async () => {
    const port = platform.ports.submission;
    const { dialogue, ehlo } = await session({ ip: "192.0.2.31", port });
    assert.doesNotMatch(ehlo.text, /AUTH/);
    assert.equal((await dialogue.authPlain(user().address, user().password)).code, 538);
    await dialogue.startTls();
    const secure = await dialogue.command("EHLO client.example");
    assert.match(secure.text, /^AUTH PLAIN LOGIN$/m);
    assert.doesNotMatch(secure.text, /STARTTLS/);
    assert.equal((await dialogue.authPlain(user().address, "wrong")).code, 535);
    assert.equal((await dialogue.authPlain(user().address, user().password)).code, 235);
    dialogue.close();
    const refusal = await refusedPolicy(platform, scope, { requireTls: false });
    assert.match(refusal?.message ?? "", /only the platform/);
    await setPolicy(platform, everywhere, { requireTls: false });
    const clear = await session({ ip: "192.0.2.31", port });
    assert.match(clear.ehlo.text, /AUTH PLAIN LOGIN/);
    assert.equal((await clear.dialogue.authPlain(user().address, user().password)).code, 235);
    clear.dialogue.close();
    await setPolicy(platform, everywhere, { requireTls: true });
  });
});
