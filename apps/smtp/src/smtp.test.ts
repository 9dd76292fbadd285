import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { type Smtp, startSmtp } from "./index.ts";
import { type FakeDeps, fakeDeps, ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

const host = { host: "127.0.0.1", hostname: "mx.test", trustedProxies: [] };
const message = "From: x@ext.test\r\nSubject: hello\r\nMessage-ID: <1@ext.test>\r\n\r\nbody\r\n.\r\n";

describe("a mail's way in", () => {
  let deps: FakeDeps;
  let smtp: Smtp;
  let mx: number;
  let submission: number;
  let submissions: number;
  before(async () => {
    deps = await fakeDeps();
    smtp = await startSmtp(deps, { ...host, ports: { mx: 0, submission: 0, submissions: 0 } });
    mx = smtp.ports.mx!;
    submission = smtp.ports.submission!;
    submissions = smtp.ports.submissions!;
  });
  after(() => smtp.close());
  beforeEach(() => {
    deps.fakeJournal.commits.length = 0;
    deps.fakeJournal.failure = undefined;
    deps.fakePolicy.rule = () => undefined;
  });

  test("one commit: verdict, delivery, body; then 250 with the transaction's id", async () => {
    const client = await SmtpClient.greeted(mx);
    const replies = await client.deliver(["Alice@A.test"], message);
    assert.match(replies.at(-1)!, /^250 2\.0\.0 msg_[0-9a-z]{26}$/);
    assert.equal(deps.fakeJournal.commits.length, 1);
    const [commit] = deps.fakeJournal.commits;
    const [delivered] = deps.fakeJournal.of("MessageDelivered");
    const data = delivered!.data as Record<string, unknown>;
    assert.equal(delivered!.stream, `mail-${ids.alice}`);
    assert.equal(data.folder, "INBOX");
    assert.match(
      String(data.prefix),
      /^Return-Path: <x@ext\.test>\r\nDelivered-To: alice@a\.test\r\nReceived: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby mx\.test \(Mailfold\) with ESMTP id msg_.*\r\n\tfor <alice@a\.test>;\r\n\t.* \+0000\r\n$/,
    );
    const body = Buffer.from(commit!.bodies![0]!.bytes).toString();
    assert.equal(body, message.slice(0, -3));
    assert.equal(data.sizeBytes, String(data.prefix).length + body.length);
    assert.deepEqual(commit!.holds, [{ stream: `mail-${ids.alice}`, ref: commit!.bodies![0]!.ref }]);
    const [verdict] = deps.fakeJournal.of("VerdictRecorded");
    assert.match(verdict!.stream, new RegExp(`^verdict-${ids.tenantA}\\.\\d{8}$`));
    assert.equal((verdict!.data as { subject: string }).subject, "hello");
    client.close();
  });

  test("an address and its alias are one copy per mailbox; each tenant's body once; lower-cased duplicates once", async () => {
    const client = await SmtpClient.greeted(mx);
    await client.deliver(["alice@a.test", "ALICE@a.test", "all@a.test", "carol@b.test"], message);
    const streams = deps.fakeJournal.of("MessageDelivered").map((event) => event.stream);
    assert.deepEqual(
      streams.sort(),
      [ids.alice, ids.bob, ids.carol].map((id) => `mail-${id}`),
    );
    assert.deepEqual(deps.fakeJournal.commits[0]!.bodies!.map((body) => body.ref.tenantId).sort(), [
      ids.tenantA,
      ids.tenantB,
    ]);
    assert.equal(deps.fakeJournal.of("VerdictRecorded").length, 3);
    assert.doesNotMatch(
      String((deps.fakeJournal.of("MessageDelivered")[0]!.data as { prefix: string }).prefix),
      /for </,
    );
    client.close();
  });

  test("a refused recipient gets a reference that is committed before the reply; unknown ones of a session share it", async () => {
    const client = await SmtpClient.greeted(mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    const first = await client.ask("RCPT TO:<nobody@a.test>");
    const reference = /^550 5\.1\.1 No such user \(ref (vrd_[0-9a-z]{26})\)$/.exec(first)![1];
    assert.equal((deps.fakeJournal.of("VerdictRecorded")[0]!.data as { verdictId: string }).verdictId, reference);
    assert.ok((await client.ask("RCPT TO:<nobody2@a.test>")).includes(reference!));
    assert.equal(deps.fakeJournal.of("VerdictRecorded").length, 1);
    assert.equal(await client.ask("DATA"), "554 5.5.1 No valid recipients");
    client.close();
  });

  test("a failed commit is 451, never 250", async () => {
    const client = await SmtpClient.greeted(mx);
    deps.fakeJournal.failure = new Error("disk");
    const replies = await client.deliver(["alice@a.test"], message);
    assert.match(replies.at(-1)!, /^451 4\.3\.0 /);
    await client.ask("MAIL FROM:<x@ext.test>");
    assert.match(await client.ask("RCPT TO:<nobody@a.test>"), /^451 4\.3\.0 /);
    client.close();
  });

  test("mixed answers: taken, refused copy held in quarantine, deferred copy held to be judged again", async () => {
    deps.fakePolicy.rule = (phase, facts) => {
      if (phase !== "data") return undefined;
      if (facts.recipient?.address === "bob@a.test") return { action: "reject", code: 550, reason: "spam" };
      if (facts.recipient?.address === "carol@b.test") return { action: "defer", code: 450, reason: "later" };
      return undefined;
    };
    const client = await SmtpClient.greeted(mx);
    const replies = await client.deliver(["alice@a.test", "bob@a.test", "carol@b.test"], message);
    assert.match(replies.at(-1)!, /^250 /);
    const held = deps.fakeJournal.of("MessageHeld").map((event) => event.data as Record<string, unknown>);
    assert.deepEqual(
      held.map((data) => [data.recipient, data.kind, data.judgeAgainAt !== undefined]),
      [
        ["bob@a.test", "quarantined", false],
        ["carol@b.test", "deferred", true],
      ],
    );
    assert.equal(deps.fakeJournal.commits.length, 1);
    client.close();
  });

  test("a mailbox whose one address is refused and whose other is taken gets the mail, in any order", async () => {
    deps.fakePolicy.rule = (phase, facts) =>
      phase === "data" && facts.recipient?.address === "all@a.test"
        ? { action: "reject", code: 552, reason: "size-exceeded" }
        : undefined;
    const client = await SmtpClient.greeted(mx);
    for (const recipients of [
      ["all@a.test", "alice@a.test"],
      ["alice@a.test", "all@a.test"],
    ]) {
      deps.fakeJournal.commits.length = 0;
      assert.match((await client.deliver(recipients, message)).at(-1)!, /^250 /);
      const streams = (type: string) => deps.fakeJournal.of(type).map((event) => event.stream);
      assert.deepEqual(streams("MessageDelivered"), [`mail-${ids.alice}`]);
      const held = deps.fakeJournal.of("MessageHeld").map((event) => (event.data as { mailboxId: string }).mailboxId);
      assert.deepEqual(held, [ids.bob]);
    }
    client.close();
  });

  test("all refused: 5xx with reference, nothing stored; none taken and one deferred: 4xx", async () => {
    deps.fakePolicy.rule = (phase) =>
      phase === "data"
        ? { action: "reject", code: 554, enhancedCode: "5.7.1", text: "Spam", reason: "spam" }
        : undefined;
    const client = await SmtpClient.greeted(mx);
    let replies = await client.deliver(["alice@a.test", "bob@a.test"], message);
    assert.match(replies.at(-1)!, /^554 5\.7\.1 Spam \(ref vrd_/);
    assert.equal(deps.fakeJournal.of("VerdictRecorded").length, 2);
    assert.ok(deps.fakeJournal.commits.every((commit) => (commit.bodies ?? []).length === 0));
    deps.fakePolicy.rule = (phase, facts) =>
      phase !== "data"
        ? undefined
        : facts.recipient?.address === "bob@a.test"
          ? { action: "defer", code: 450, enhancedCode: "4.7.1", text: "Later", reason: "later" }
          : { action: "reject", code: 554, enhancedCode: "5.7.1", text: "Spam", reason: "spam" };
    replies = await client.deliver(["alice@a.test", "bob@a.test"], message);
    assert.match(replies.at(-1)!, /^450 4\.7\.1 Later \(ref vrd_/);
    client.close();
  });

  test("junk, quarantine and discard take the mail", async () => {
    const client = await SmtpClient.greeted(mx);
    for (const action of ["junk", "quarantine", "discard"] as const) {
      deps.fakePolicy.rule = (phase) => (phase === "data" ? { action } : undefined);
      assert.match((await client.deliver(["alice@a.test"], message)).at(-1)!, /^250 /);
    }
    assert.deepEqual((deps.fakeJournal.of("MessageDelivered")[0]!.data as { folder: unknown }).folder, {
      specialUse: "junk",
    });
    assert.deepEqual(
      deps.fakeJournal.of("MessageHeld").map((event) => (event.data as { kind: string }).kind),
      ["quarantined", "discarded"],
    );
    client.close();
  });

  test("a refusal found before RCPT is held until RCPT; without any RCPT it is recorded at the end", async () => {
    deps.fakePolicy.rule = (phase) =>
      phase === "mail" ? { action: "reject", code: 550, reason: "killed" } : undefined;
    const client = await SmtpClient.greeted(mx);
    assert.match(await client.ask("MAIL FROM:<x@ext.test>"), /^250 /);
    await client.ask("QUIT");
    await client.rest();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(
      deps.fakeJournal.of("VerdictRecorded").map((event) => (event.data as { reason: string }).reason),
      ["killed"],
    );
  });

  test("an immediate refusal replaces the greeting", async () => {
    deps.fakePolicy.rule = (phase) =>
      phase === "connect"
        ? {
            action: "reject",
            code: 554,
            enhancedCode: "5.7.1",
            text: "No",
            immediate: true,
            close: true,
            reason: "denied",
          }
        : undefined;
    const client = await SmtpClient.dial(mx);
    assert.match(await client.rest(), /^554 5\.7\.1 No \(ref vrd_[0-9a-z]+\)\r\n$/);
  });

  test("before the views have caught up mail is 451", async () => {
    deps.fakePolicy.isReady = false;
    const client = await SmtpClient.greeted(mx);
    assert.match(await client.ask("MAIL FROM:<x@ext.test>"), /^451 4\.3\.0/);
    deps.fakePolicy.isReady = true;
    client.close();
  });

  test("submission: AUTH only over TLS, relays for the login, completes the header", async () => {
    const client = await SmtpClient.dial(submission);
    await client.reply();
    assert.doesNotMatch(await client.ask("EHLO client.test"), /AUTH/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^538 5\.7\.11/);
    assert.match(await client.ask("MAIL FROM:<alice@a.test>"), /^530 5\.7\.0/);
    assert.match(await client.ask("STARTTLS"), /^220/);
    await client.startTls();
    assert.match(await client.ask("MAIL FROM:<alice@a.test>"), /^503 5\.5\.1/);
    assert.match(await client.ask("EHLO client.test"), /250 AUTH PLAIN LOGIN$/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdAB3cm9uZw=="), /^535 5\.7\.8/);
    assert.match(await client.ask("AUTH LOGIN"), /^334 VXNlcm5hbWU6/);
    assert.match(await client.ask("*"), /^501 /);
    assert.match(
      await client.ask(`AUTH PLAIN ${Buffer.from("bob@a.test\0alice@a.test\0secret").toString("base64")}`),
      /^535/,
    );
    assert.match(await client.ask("AUTH LOGIN"), /^334/);
    assert.match(await client.ask(Buffer.from("Alice@a.test").toString("base64")), /^334/);
    assert.match(await client.ask(Buffer.from("secret").toString("base64")), /^235 2\.7\.0/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^503/);
    const replies = await client.deliver(
      ["far@away.test", "far2@away.test", "bob@a.test"],
      "From: alice@a.test\r\n\r\nx\r\n.\r\n",
      "alice@a.test",
    );
    assert.match(replies.at(-1)!, /^250 /);
    const [queued] = deps.fakeJournal.of("MessageQueued");
    const data = queued!.data as { recipients: string[]; prefix: string; vouchedBy: string; messageId: string };
    assert.equal(queued!.stream, `outbound-${data.messageId}`);
    assert.deepEqual(data.recipients, ["far@away.test", "far2@away.test"]);
    assert.equal(data.vouchedBy, "login");
    assert.match(data.prefix, /with ESMTPSA id .*\r\nDate: .*\r\nMessage-ID: <msg_[0-9a-z]+@mx\.test>\r\n$/s);
    assert.match(data.prefix, /using TLSv1\.3 with cipher TLS_/);
    assert.deepEqual(queued!.metadata.actor, { type: "mailbox", id: ids.alice });
    client.close();
  });

  test("implicit TLS, and too many failed logins", async () => {
    const client = await SmtpClient.greeted(submissions, { tls: true });
    for (const code of [535, 535, 421]) {
      assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdAB3cm9uZw=="), new RegExp(`^${code}`));
    }
    assert.equal(await client.rest(), "");
    const busy = await SmtpClient.greeted(submissions, { tls: true });
    assert.match(
      await busy.ask(`AUTH PLAIN ${Buffer.from("\0alice@a.test\0busy").toString("base64")}`),
      /^454 4\.7\.0/,
    );
    busy.close();
  });

  test("the MX offers STARTTLS, no AUTH", async () => {
    const client = await SmtpClient.dial(mx);
    assert.equal(await client.reply(), "220 mx.test ESMTP");
    const offered = await client.ask("EHLO client.test");
    assert.deepEqual(
      offered.split("\r\n").map((line) => line.slice(4)),
      ["mx.test", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 1000000", "STARTTLS"],
    );
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^502 5\.5\.1/);
    client.close();
  });

  test("a pipelined transaction is answered in order", async () => {
    const client = await SmtpClient.greeted(mx);
    client.send(
      "MAIL FROM:<x@ext.test> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<alice@a.test>\r\nRCPT TO:<nobody@a.test>\r\nDATA\r\n",
    );
    assert.deepEqual(
      [await client.reply(), await client.reply(), await client.reply(), await client.reply()].map((reply) =>
        reply.slice(0, 3),
      ),
      ["250", "250", "550", "354"],
    );
    client.send(`${message}MAIL FROM:<x@ext.test>\r\nQUIT\r\n`);
    assert.deepEqual(
      [await client.reply(), await client.reply(), await client.reply()].map((reply) => reply.slice(0, 3)),
      ["250", "250", "221"],
    );
    assert.equal(await client.rest(), "");
  });

  test("shutting down: a running transaction ends with its answer, idle sessions are told 421", async () => {
    const own = await fakeDeps();
    const other = await startSmtp(own, { ...host, ports: { mx: 0, submission: undefined, submissions: undefined } });
    const idle = await SmtpClient.greeted(other.ports.mx!);
    const busy = await SmtpClient.greeted(other.ports.mx!);
    own.fakeJournal.delayMs = 150;
    const delivery = busy.deliver(["alice@a.test"], message);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const closed = other.close();
    assert.match(await idle.rest(), /^421 4\.3\.2/);
    assert.match((await delivery).at(-1)!, /^250 /);
    await closed;
  });
});
