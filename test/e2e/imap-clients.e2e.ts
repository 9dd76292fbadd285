import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openImap } from "./imap-reader.ts";
import { Maildir } from "./maildir.ts";
import { createMbsync } from "./mbsync.ts";
import { runMutt } from "./mutt.ts";
import { type Platform, startPlatform, temporaryDir } from "./platform.ts";
import { type MailboxLogin, provisionTenant } from "./provision.ts";
import { runClient } from "./run-client.ts";

type Remote = Record<string, readonly string[]>;

describe("IMAP clients that write", () => {
  let platform: Platform;
  let certificateFile: string;
  let mailboxes: readonly MailboxLogin[];

  before(async () => {
    platform = await startPlatform();
    certificateFile = join(platform.dataDir, "tls/tls-cert.pem");
    const locals = ["mbsync", "offlineimap", "fetchmail", "imaplib", "mutt"];
    mailboxes = (await provisionTenant(platform, "writers", { locals })).mailboxes;
  });
  after(() => platform.stop());

  const mailboxOf = (local: string): MailboxLogin => {
    const found = mailboxes.find(({ address }) => address.startsWith(`${local}@`));
    assert.ok(found);
    return found;
  };
  const append = async (login: MailboxLogin, subjects: readonly string[], folder = "INBOX"): Promise<void> => {
    const client = await openImap(platform.ports.imap, login);
    for (const subject of subjects)
      await client.append(
        folder,
        `From: x@y.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@y.test>\r\n\r\n.\r\n`,
      );
    await client.logout();
  };
  /** Subjects of a folder with their flags, as another client sees them. */
  const remote = async (login: MailboxLogin, folder = "INBOX"): Promise<Remote> => {
    const client = await openImap(platform.ports.imap, login);
    await client.mailboxOpen(folder, { readOnly: true });
    const seen: Record<string, readonly string[]> = {};
    if (client.mailbox !== false && client.mailbox.exists > 0) {
      for await (const { envelope, flags } of client.fetch("1:*", { envelope: true, flags: true }))
        seen[envelope?.subject ?? ""] = [...(flags ?? [])].filter((flag) => flag !== "\\Recent").sort();
    }
    await client.logout();
    return seen;
  };
  /** What happens on the server's side between two synchronisations. */
  const changeRemotely = async (login: MailboxLogin, flagged: string, gone: string): Promise<void> => {
    const client = await openImap(platform.ports.imap, login);
    await client.mailboxOpen("INBOX");
    await client.messageFlagsAdd({ subject: flagged }, ["\\Answered"]);
    await client.messageDelete({ subject: gone });
    await client.logout();
  };

  test("mbsync keeps both sides in step: new mail, flags, deletions, folders", { timeout: 60_000 }, async () => {
    const login = mailboxOf("mbsync");
    await append(login, ["one", "two", "three", "four"]);
    const mbsync = createMbsync(platform.ports.imap, login, certificateFile, "both");
    const local = new Maildir(mbsync.mailDir);
    assert.equal((await mbsync.pull()).added, 4);
    local.add("INBOX", "local");
    local.add("Projects", "first");
    local.add("Projects/2026", "second");
    local.setFlags("INBOX", "one", "FS");
    local.setFlags("INBOX", "two", "ST");
    await changeRemotely(login, "three", "four");
    await append(login, ["five"], "Sent");
    await mbsync.pull();
    assert.deepEqual(await remote(login), { one: ["\\Flagged", "\\Seen"], three: ["\\Answered"], local: [] });
    assert.deepEqual(await remote(login, "Projects/2026"), { second: [] });
    assert.deepEqual(local.subjects("INBOX"), ["local", "one", "three"]);
    assert.equal(local.flags("INBOX", "three"), "R");
    assert.deepEqual(local.subjects("Sent"), ["five"]);
    const { added, output } = await mbsync.pull();
    assert.equal(added, 0);
    assert.doesNotMatch(output, /error|warning/i);
    assert.equal(Object.keys(await remote(login)).length, 3);
  });

  test("offlineimap keeps both sides in step", { timeout: 60_000 }, async () => {
    const login = mailboxOf("offlineimap");
    await append(login, ["one", "two", "three", "four"]);
    const dir = temporaryDir("offlineimap");
    const fingerprint = new X509Certificate(readFileSync(certificateFile)).fingerprint
      .replaceAll(":", "")
      .toLowerCase();
    const settings = `
[general]
accounts = a
metadata = ${dir}/state
ui = basic
socktimeout = 20
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = ${dir}/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = ${platform.ports.imap}
remoteuser = ${login.address}
remotepass = ${login.password}
ssl = no
starttls = yes
sslcacertfile = ${certificateFile}
cert_fingerprint = ${fingerprint}
`;
    writeFileSync(join(dir, "settings"), settings, { mode: 0o600 });
    // Under TLS 1.3 its reader and writer threads stumble over session tickets, at any server (docs/reference/imap.md).
    writeFileSync(join(dir, "openssl.cnf"), tls12Only);
    const env = { HOME: dir, OPENSSL_CONF: join(dir, "openssl.cnf") };
    const sync = () => runClient("/usr/bin/offlineimap", ["-c", join(dir, "settings"), "-o"], { env });
    await sync();
    const local = new Maildir(join(dir, "mail"));
    assert.deepEqual(local.subjects("INBOX"), ["four", "one", "three", "two"]);
    local.add("INBOX", "local");
    local.add("Projects", "first");
    local.setFlags("INBOX", "one", "FS");
    local.remove("INBOX", "two");
    await changeRemotely(login, "three", "four");
    await sync();
    assert.deepEqual(await remote(login), { one: ["\\Flagged", "\\Seen"], three: ["\\Answered"], local: [] });
    assert.deepEqual(await remote(login, "Projects"), { first: [] });
    assert.deepEqual(local.subjects("INBOX"), ["local", "one", "three"]);
    assert.equal(local.flags("INBOX", "three"), "R");
    assert.doesNotMatch(await sync(), /Copy message|Deleting|ERROR/);
  });

  test("fetchmail takes each message once and empties the mailbox", { timeout: 60_000 }, async () => {
    const login = mailboxOf("fetchmail");
    await append(login, ["one", "two", "three"]);
    const dir = temporaryDir("fetchmail");
    const settings = `poll localhost proto imap service ${platform.ports.imap} auth password
      user "${login.address}" password "${login.password}" sslproto "TLS1.2+" sslcertck sslcertfile "${certificateFile}"
      mda "cat >> ${dir}/got" nokeep\n`;
    writeFileSync(join(dir, "settings"), settings, { mode: 0o600 });
    const args = ["-f", join(dir, "settings"), "--pidfile", join(dir, "pid"), "-i", join(dir, "ids")];
    await runClient("/usr/bin/fetchmail", args, { env: { HOME: dir } });
    // 1: nothing new.
    await runClient("/usr/bin/fetchmail", args, { env: { HOME: dir }, codes: [1] });
    const got = readFileSync(join(dir, "got"), "latin1");
    assert.deepEqual([...got.matchAll(/^Subject: (.*?)\r?$/gm)].map((match) => match[1]).sort(), [
      "one",
      "three",
      "two",
    ]);
    assert.deepEqual(await remote(login), {});
  });

  test("Python's imaplib, in forms that are seldom used", { timeout: 60_000 }, async () => {
    const login = mailboxOf("imaplib");
    const script = fileURLToPath(new URL("./imaplib-session.py", import.meta.url));
    const { imap } = platform.ports;
    const args = [script, String(imap), login.address, login.password, certificateFile];
    assert.match(await runClient("/usr/bin/python3", args), /done\n$/);
  });

  test("mutt makes, renames and deletes folders", { timeout: 60_000 }, async () => {
    const login = mailboxOf("mutt");
    const type = (keys: string) =>
      runMutt(platform.ports.imap, login, { certificateFile, keys: `<change-folder>?${keys}<exit><quit>` });
    const names = async () => {
      const client = await openImap(platform.ports.imap, login);
      const listed = (await client.list()).map(({ path }) => path).filter((path) => /^New|^Old/.test(path));
      await client.logout();
      return listed;
    };
    await type("<create-mailbox>New<enter>");
    assert.deepEqual(await names(), ["New"]);
    await type("<search>New<enter><rename-mailbox><kill-line>Old<enter>");
    assert.deepEqual(await names(), ["Old"]);
    await type("<search>Old<enter><delete-mailbox>y");
    assert.deepEqual(await names(), []);
  });
});

/** OpenSSL's settings for a client that is to speak TLS 1.2. */
const tls12Only = `openssl_conf = init
[init]
ssl_conf = modules
[modules]
system_default = tls
[tls]
MaxProtocol = TLSv1.2
`;
