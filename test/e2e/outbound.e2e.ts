import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type DnsResponder, startDnsResponder } from "./dns-responder.ts";
import { openImap } from "./imap-reader.ts";
import { type Platform, type PlatformOptions, startPlatform, temporaryDir } from "./platform.ts";
import { addEntry, explained, referenceIn } from "./policy-calls.ts";
import { type MailboxLogin, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

/** Where the outside world's mail servers live: MX hosts are spoken to on port 25. */
const outside = { host: "127.0.0.3", port: 25 } as const;
const retryMs = 3_000;

let sink: SmtpSink;
let dns: DnsResponder;
let platform: Platform;
let tenant: Tenant;
let user: MailboxLogin;
const dataDir = temporaryDir("outbound");

function options(): PlatformOptions {
  return {
    dataDir,
    env: {
      MAILFOLD_DNS: dns.address,
      MAILFOLD_OUTBOUND_ALLOW_PRIVATE: "1",
      MAILFOLD_TEST_RETRY_MS: String(retryMs),
      MAILFOLD_DEMO: "0",
    },
  };
}

before(async () => {
  sink = await startSmtpSink(outside);
  dns = await startDnsResponder({
    "elsewhere.example": {
      MX: [
        { priority: 20, exchange: "backup.elsewhere.example" },
        { priority: 10, exchange: "mx.elsewhere.example" },
      ],
    },
    "mx.elsewhere.example": { A: [outside.host] },
    "backup.elsewhere.example": { A: ["127.0.0.4"] },
    // No MX: the domain's own address (RFC 5321 5.1).
    "plain.example": { A: [outside.host] },
    // The preferred host does not answer: the next is tried.
    "halfdead.example": {
      MX: [
        { priority: 10, exchange: "backup.elsewhere.example" },
        { priority: 20, exchange: "mx.elsewhere.example" },
      ],
    },
    "nullmx.example": { MX: [{ priority: 0, exchange: "" }] },
    "flaky.example": "servfail",
  });
  platform = await startPlatform(options());
  tenant = await provisionTenant(platform, "acme");
  user = tenant.mailboxes[0] as MailboxLogin;
});
after(async () => {
  await platform?.stop();
  await sink?.close();
  dns?.close();
});

/** Submits as the user; answers the transaction's id. */
async function submit(to: readonly string[], message: string): Promise<string> {
  const { final } = await sendLetter(
    { port: platform.ports.submission, startTls: true },
    { from: user.address, to, login: user, message },
  );
  assert.equal(final.code, 250, final.text);
  return referenceIn(final);
}
const letter = (subject: string) =>
  `From: ${user.address}\nSubject: ${subject}\nMessage-ID: <${subject}@acme.test>\n\nhello\n`;

interface Step {
  readonly kind: string;
  readonly recipient: string | null;
  readonly outcome: string | null;
  readonly code: number | null;
  readonly text: string | null;
  readonly attempt: number | null;
  readonly nextAttemptAt: string | null;
}
async function steps(transactionId: string): Promise<readonly Step[]> {
  const data = await platform.graphql<{ messageTrace: { nodes: readonly { steps: readonly Step[] }[] } }>(
    `query($id: String!) { messageTrace(first: 1, where: { transactionId: $id }) { nodes { steps {
      kind recipient outcome code text attempt nextAttemptAt } } } }`,
    { id: transactionId },
  );
  return data.messageTrace.nodes[0]?.steps ?? [];
}
/** Waits until the trace of a transaction holds such a step. */
async function stepWhere(transactionId: string, wanted: (step: Step) => boolean, timeoutMs = 20_000): Promise<Step> {
  let seen: readonly Step[] = [];
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(50)) {
    seen = await steps(transactionId);
    const step = seen.find(wanted);
    if (step !== undefined) return step;
  }
  throw new Error(`no such step in ${timeoutMs} ms; there are ${JSON.stringify(seen)}`);
}

/** Sources of all messages in a mailbox's INBOX. */
async function inboxOf(login: MailboxLogin): Promise<readonly string[]> {
  const client = await openImap(platform.ports.imap, login);
  const sources: string[] = [];
  try {
    await client.mailboxOpen("INBOX", { readOnly: true });
    if (client.mailbox !== false && client.mailbox.exists > 0)
      for await (const message of client.fetch("1:*", { source: true })) sources.push(String(message.source));
  } finally {
    await client.logout();
  }
  return sources;
}
async function bouncesNaming(recipient: string): Promise<readonly string[]> {
  return (await inboxOf(user)).filter((source) => source.includes(`Final-Recipient: rfc822; ${recipient}`));
}
async function bounceNaming(recipient: string): Promise<string> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await sleep(200)) {
    const [bounce] = await bouncesNaming(recipient);
    if (bounce !== undefined) return bounce;
  }
  throw new Error(`no bounce for ${recipient}`);
}

describe("mail that leaves", () => {
  test("goes to the preferred MX once, header and body as written, with our Received on top", async () => {
    const to = "someone@elsewhere.example";
    const lines = Array.from(
      { length: 2_000 },
      (_, at) => `${at} ${createHash("sha256").update(`${at}`).digest("hex")}`,
    );
    const original = [
      `From: "A. User" <${user.address}>`,
      `To: ${to}`,
      "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=",
      " folded on",
      "X-Odd-Header:no space",
      "Date: Tue, 24 Nov 2026 05:00:00 +0000",
      "Message-ID: <intact@acme.test>",
      "",
      "..two dots",
      ".",
      ...lines,
      "",
    ].join("\n");
    const id = await submit([to], original);
    const { from, to: recipients, message } = await sink.letterTo(to);
    assert.deepEqual([from, recipients], [user.address, [to]]);
    const received = /^Received: from client\.example [\s\S]*?\r\n(?=\S)/.exec(message)?.[0] ?? "";
    assert.match(received, /by mx\.mailfold\.test/);
    const rest = message.slice(received.length);
    assert.equal(`${rest}\r\n`.replace(/\r\n/g, "\n").replace(/\n+$/, "\n"), original);
    assert.doesNotMatch(message, /\bBcc:|Return-Path:|Delivered-To:/i);
    assert.equal((await stepWhere(id, (step) => step.kind === "attempt")).outcome, "delivered");
    await stepWhere(id, (step) => step.kind === "finished");
    await sleep(1_500);
    assert.equal(sink.lettersTo(to).length, 1, "once");
    assert.equal((await explained(platform, id)).reason, "relay-login");
  });

  test("finds the way without MX and past a dead MX; several domains in one transaction", async () => {
    await submit(["a@plain.example", "b@halfdead.example", "user@acme.test"], letter("ways"));
    await sink.letterTo("a@plain.example");
    await sink.letterTo("b@halfdead.example");
    for (const deadline = Date.now() + 10_000; ; await sleep(100)) {
      if ((await inboxOf(user)).some((source) => source.includes("<ways@acme.test>"))) break;
      assert.ok(Date.now() < deadline, "the copy for our own mailbox stays here");
    }
    assert.equal(sink.lettersTo("user@acme.test").length, 0);
  });

  test("5xx: one bounce in the sender's INBOX, naming the recipient; the others are delivered", async () => {
    sink.refusals.set("gone@elsewhere.example", "550 5.1.1 nobody of that name here");
    const id = await submit(["gone@elsewhere.example", "there@elsewhere.example"], letter("half"));
    await sink.letterTo("there@elsewhere.example");
    const bounce = await bounceNaming("gone@elsewhere.example");
    assert.match(bounce, /^Return-Path: <>/m);
    assert.match(bounce, /multipart\/report; report-type=delivery-status/);
    assert.match(bounce, /Diagnostic-Code: smtp; 550 .*nobody of that name here/);
    assert.match(bounce, /^Status: 5\.1\.1/m);
    assert.match(bounce, /<half@acme\.test>/);
    assert.doesNotMatch(bounce, /there@elsewhere\.example/);
    const failed = await stepWhere(id, (step) => step.outcome === "failed");
    assert.deepEqual([failed.recipient, failed.code], ["gone@elsewhere.example", 550]);
    await sleep(1_500);
    assert.equal((await bouncesNaming("gone@elsewhere.example")).length, 1, "one");
  });

  test("a null MX and an unknown domain fail at once and bounce", async () => {
    await submit(["x@nullmx.example", "y@nowhere.example"], letter("nowhere"));
    assert.match(await bounceNaming("x@nullmx.example"), /accepts no mail/);
    assert.match(await bounceNaming("y@nowhere.example"), /Final-Recipient: rfc822; y@nowhere\.example/);
  });

  test("DNS that fails defers, and the mail leaves when it answers again", async () => {
    const id = await submit(["z@flaky.example"], letter("flaky"));
    assert.equal((await stepWhere(id, (step) => step.kind === "attempt")).outcome, "deferred");
    assert.equal(sink.lettersTo("z@flaky.example").length, 0);
    dns.zones.set("flaky.example", { MX: [{ priority: 1, exchange: "mx.elsewhere.example" }] });
    await sink.letterTo("z@flaky.example");
  });

  test("the failure of a bounce, and of <> relayed by an IP entry, bounces to nobody", async () => {
    await addEntry(platform, { tenantId: tenant.id }, { list: "ACCEPT", pattern: "192.0.2.90" });
    sink.refusals.set("bounced@elsewhere.example", "550 5.1.1 no");
    const before = sink.letters.length;
    const inbox = (await inboxOf(user)).length;
    const { final } = await sendLetter(
      { port: platform.ports.smtp, proxyFrom: "192.0.2.90" },
      { from: "", to: ["bounced@elsewhere.example"], message: `From: ${user.address}\n\nx\n` },
    );
    assert.equal(final.code, 250, final.text);
    await stepWhere(referenceIn(final), (step) => step.kind === "finished");
    await sleep(500);
    assert.equal(sink.letters.length, before);
    assert.equal((await inboxOf(user)).length, inbox);
  });
});

describe("a queue that survives", () => {
  test("4xx, kill -9, restart: still waiting, then delivered once", async (t) => {
    const to = "later@elsewhere.example";
    sink.refusals.set(to, "451 4.3.0 not now");
    const id = await submit([to], letter("later"));
    const attempt = await stepWhere(id, (step) => step.kind === "attempt");
    assert.deepEqual([attempt.outcome, attempt.code, attempt.attempt], ["deferred", 451, 1]);
    assert.ok(attempt.nextAttemptAt, "the next attempt is on record");
    await platform.stop("SIGKILL");
    assert.equal(sink.lettersTo(to).length, 0);

    platform = await startPlatform(options());
    t.diagnostic(`ready again after ${platform.readyMs} ms`);
    const waiting = await steps(id);
    assert.ok(waiting.some((step) => step.kind === "queued"));
    assert.ok(!waiting.some((step) => step.kind === "finished"), JSON.stringify(waiting));
    sink.refusals.delete(to);
    await sink.letterTo(to, 20_000);
    await stepWhere(id, (step) => step.kind === "finished");
    await sleep(retryMs + 1_500);
    assert.equal(sink.lettersTo(to).length, 1, "once");
    assert.equal((await bouncesNaming(to)).length, 0, "a delay is no failure");
  });

  test("nothing that was delivered before the kill goes out again", () => {
    const seen = sink.letters.map((each) => `${each.to.join()} ${/^Message-ID: .*$/im.exec(each.message)?.[0]}`);
    assert.equal(new Set(seen).size, seen.length, seen.join("\n"));
  });
});
