import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runSwarm } from "../load/smtp-swarm.ts";
import { openImap } from "./imap-reader.ts";
import { type CorpusMessage, mailCorpus } from "./mail-corpus.ts";
import { createMbsync } from "./mbsync.ts";
import { runMutt } from "./mutt.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { type Postfix, startPostfix } from "./postfix.ts";
import { provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";

const count = 1_000;

describe("a real mail server in, real clients out", () => {
  let platform: Platform;
  let postfix: Postfix;
  let tenants: readonly Tenant[];
  let certificateFile: string;
  const corpus = mailCorpus(count, 42);

  before(async () => {
    platform = await startPlatform();
    certificateFile = join(platform.dataDir, "tls/tls-cert.pem");
    tenants = [
      await provisionTenant(platform, "north", { locals: ["ann", "reader"] }),
      await provisionTenant(platform, "south", { locals: ["sam"] }),
    ];
    postfix = await startPostfix({ port: platform.ports.smtp });
  });
  after(async () => {
    await postfix.stop();
    await platform.stop();
  });
  const mailboxOf = (index: number) => {
    const mailbox = tenants[index % 2]?.mailboxes[0];
    assert.ok(mailbox);
    return mailbox;
  };

  test(`Postfix relays ${count} messages of mixed MIME into two tenants`, { timeout: 240_000 }, async (t) => {
    const startedAt = performance.now();
    const queue = corpus.map((message, index) => ({
      id: message.id,
      recipient: mailboxOf(index).address,
      bytes: dotStuffed(message.bytes),
    }));
    const refused: string[] = [];
    await runSwarm({
      port: postfix.port,
      connections: 10,
      sender: "sender@sender.example",
      next: () => queue.shift(),
      onResult: (id, result, text) => void (result === "acknowledged" || refused.push(`${id} ${result} ${text}`)),
    });
    assert.deepEqual(refused, []);
    while ((await postfix.queued()) > 0) {
      assert.ok(performance.now() - startedAt < 200_000, `still queued: ${postfix.log().slice(-3_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    t.diagnostic(`${count} messages through Postfix in ${Math.round((performance.now() - startedAt) / 1_000)} s`);
    assert.doesNotMatch(postfix.log(), /status=bounced/);
  });

  test("mbsync pulls every one byte-identical, and a second mbsync transfers nothing", {
    timeout: 240_000,
  }, async () => {
    for (const side of [0, 1]) {
      const mbsync = createMbsync(platform.ports.imap, mailboxOf(side), certificateFile);
      const expected = corpus.filter((_, index) => index % 2 === side);
      assert.equal((await mbsync.pull()).added, expected.length);
      assertSameMail(mbsync.messages(), expected);
      assert.equal((await mbsync.pull()).added, 0);
    }
  });

  test("imapflow reads, flags, searches and moves; a new mail arrives under IDLE in less than 1 s", {
    timeout: 60_000,
  }, async (t) => {
    const login = mailboxOf(0);
    const client = await openImap(platform.ports.imap, login);
    await client.mailboxOpen("INBOX");
    const found = await client.search({ header: { "message-id": corpus[6]?.id ?? "" } }, { uid: true });
    assert.ok(found && found.length === 1, "one message has that Message-ID");
    const uid = String(found[0]);
    await client.messageFlagsAdd(uid, ["\\Flagged", "$Work"], { uid: true });
    const fetched = await client.fetchOne(uid, { flags: true, bodyStructure: true, source: true }, { uid: true });
    assert.ok(fetched !== false);
    assert.deepEqual([...(fetched.flags ?? [])].sort(), ["$Work", "\\Flagged"]);
    assert.equal(fetched.bodyStructure?.type, "multipart/mixed");
    assert.ok(fetched.source?.toString("latin1").endsWith(corpus[6]?.bytes.toString("latin1") ?? "?"));
    const flagged = await client.search({ flagged: true }, { uid: true });
    assert.deepEqual(flagged, [Number(uid)]);
    const moved = await client.messageMove(uid, "Archive", { uid: true });
    assert.ok(moved !== false && moved.uidMap?.size === 1);
    const archive = await client.status("Archive", { messages: true });
    assert.ok(archive !== false && archive.messages === 1);

    const arrival = new Promise<number>((resolve) => client.once("exists", () => resolve(performance.now())));
    const idling = client.idle();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const sentAt = performance.now();
    const { final } = await sendLetter(
      { port: platform.ports.smtp },
      { from: "new@sender.example", to: [login.address] },
    );
    assert.equal(final.code, 250);
    const delayMs = Math.round((await arrival) - sentAt);
    t.diagnostic(`seen under IDLE ${delayMs} ms after MAIL FROM`);
    assert.ok(delayMs < 1_000, `${delayMs} ms`);
    await client.noop();
    await idling;
    await client.logout();
  });

  test("mutt searches, flags, moves and reads", { timeout: 90_000 }, async () => {
    const reader = tenants[0]?.mailboxes[1];
    assert.ok(reader);
    for (const subject of ["one", "flag me", "move me", "read me"]) {
      const message = `From: x@sender.example\nTo: ${reader.address}\nSubject: ${subject}\nMessage-ID: <${subject.replace(" ", "-")}@sender.example>\n\ntext of ${subject}\n`;
      const { final } = await sendLetter(
        { port: platform.ports.smtp },
        { from: "x@sender.example", to: [reader.address], message },
      );
      assert.equal(final.code, 250);
    }
    const keys =
      "<search>~s 'flag me'<enter><flag-message><search>~s 'move me'<enter><save-message>=Archive<enter><search>~s 'read me'<enter><display-message><exit><sync-mailbox><quit>";
    await runMutt(platform.ports.imap, reader, { certificateFile, keys });
    const client = await openImap(platform.ports.imap, reader);
    await client.mailboxOpen("INBOX");
    const flags = new Map<string, readonly string[]>();
    for await (const message of client.fetch("1:*", { envelope: true, flags: true }))
      flags.set(message.envelope?.subject ?? "", [...(message.flags ?? [])]);
    assert.deepEqual([...flags.keys()].sort(), ["flag me", "one", "read me"]);
    assert.ok(flags.get("flag me")?.includes("\\Flagged"));
    assert.ok(flags.get("read me")?.includes("\\Seen"));
    assert.ok(!flags.get("one")?.includes("\\Seen"));
    await client.mailboxOpen("Archive");
    const archived = [];
    for await (const message of client.fetch("1:*", { envelope: true })) archived.push(message.envelope?.subject);
    assert.deepEqual(archived, ["move me"]);
    await client.logout();
  });
});

function dotStuffed(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const stuffed = text.replace(/(^|\r\n)\./g, "$1..");
  return Buffer.from(stuffed.endsWith("\r\n") ? stuffed : `${stuffed}\r\n`, "latin1");
}

/** A line of a field that this server adds on top, or its continuation. */
const traceLine = /^(Return-Path|Delivered-To|Received|Authentication-Results|X-Mailfold-Spam): |^\s/;

/** Each stored message is trace header fields followed by exactly the bytes that Postfix was given (Maildir has LF line ends). */
function assertSameMail(stored: readonly string[], expected: readonly CorpusMessage[]): void {
  assert.equal(stored.length, expected.length);
  const byId = new Map(
    stored.map((text) => [/^Message-ID: (.*)$/m.exec(text)?.[1] ?? "", text.replace(/^X-TUID: .*\n/m, "")]),
  );
  for (const message of expected) {
    const text = byId.get(message.id);
    assert.ok(text !== undefined, `${message.id} is missing`);
    const original = message.bytes.toString("latin1").replaceAll("\r\n", "\n");
    const whole = original.endsWith("\n") ? original : `${original}\n`;
    assert.ok(text.endsWith(whole), `${message.id} differs from what was sent`);
    const added = text.slice(0, -whole.length).split("\n").slice(0, -1);
    assert.deepEqual(
      added.filter((line) => !traceLine.test(line)),
      [],
      "only trace fields are added",
    );
  }
}
