import assert from "node:assert/strict";
import type { ImapFlow } from "imapflow";
import { openImap } from "../imap-reader.ts";
import { type NameServer, startNameServer, type ZoneRecord } from "../name-server.ts";
import { openSession, type Session } from "../open-session.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { addEntry, outcomeOf, outcomeOfReply, type Scope, setPolicy } from "../policy-calls.ts";
import { type MailboxLogin, provisionTenant, type Tenant } from "../provision.ts";
import type { Letter, Reply } from "../smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "../smtp-sink.ts";

/** One platform with bind9 as its only DNS and the sink as the rest of the Internet, for the tests of one group of options. */
export interface OptionWorld {
  readonly platform: Platform;
  readonly sink: SmtpSink;
  readonly dns: NameServer;
  /** Tenant acme.test with `user` and `ann`. */
  readonly acme: Tenant;
  readonly scope: { readonly tenantId: string };
  readonly user: MailboxLogin;
  /** Sets settings at acme's scope, or at the one given. */
  set(settings: Record<string, unknown>, at?: Scope): Promise<void>;
  entry(list: "ACCEPT" | "KILL", pattern: string, at?: Scope): Promise<string>;
  /** A letter from a stranger's server (`ip` by PROXY): `code reason`. To user@acme.test unless it says whom to. */
  send(letter: Partial<Letter> & { readonly ip: string }): Promise<string>;
  /** Submits as acme's user: `code reason`. */
  submit(letter: Partial<Letter>): Promise<string>;
  session(ip: string, more?: { readonly helo?: string; readonly port?: number }): Promise<Session>;
  outcome(reply: Reply): Promise<string>;
  /** Logged in as acme's user; one connection for all tests. */
  imap(): Promise<ImapFlow>;
  stop(): Promise<void>;
}

/** The stranger's server and domain exist, so that nothing but the option under test speaks against its mail. */
const strangers: readonly ZoneRecord[] = [
  ["client.example", "A", "198.51.100.200"],
  ["foreign.example", "MX", "10 client.example."],
];

export async function startOptionWorld(
  options: { readonly records?: readonly ZoneRecord[]; readonly env?: Record<string, string> } = {},
): Promise<OptionWorld> {
  const sink = await startSmtpSink();
  const dns = await startNameServer({ records: [...strangers, ...(options.records ?? [])] });
  const platform = await startPlatform({
    env: {
      MAILFOLD_DEMO: "0",
      MAILFOLD_DNS: dns.address,
      MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`,
      ...options.env,
    },
  });
  const acme = await provisionTenant(platform, "acme", { locals: ["user", "ann"] });
  const scope = { tenantId: acme.id };
  const user = acme.mailboxes[0];
  assert.ok(user);
  let client: Promise<ImapFlow> | undefined;
  return {
    ...{ platform, sink, dns, acme, scope, user },
    set: (settings, at = scope) => setPolicy(platform, at, settings),
    entry: (list, pattern, at = scope) => addEntry(platform, at, { list, pattern }),
    send: ({ ip, ...letter }) =>
      outcomeOf(platform, { proxyFrom: ip }, { from: "someone@foreign.example", to: [user.address], ...letter }),
    submit: (letter) =>
      outcomeOf(
        platform,
        { port: platform.ports.submission, startTls: true, proxyFrom: "192.0.2.250" },
        { from: user.address, to: ["someone@elsewhere.example"], login: user, ...letter },
      ),
    session: (ip, more) => openSession({ port: platform.ports.smtp, proxyFrom: ip, ...more }),
    outcome: (reply) => outcomeOfReply(platform, reply),
    imap() {
      client ??= openImap(platform.ports.imap, user);
      return client;
    },
    async stop() {
      await client?.then((each) => each.logout()).catch(() => undefined);
      await platform.stop();
      await sink.close();
      await dns.stop();
    },
  };
}

/** Says commands one after the other; answers the last reply. */
export async function say({ dialogue }: Session, ...commands: readonly string[]): Promise<Reply> {
  let reply: Reply = { code: 0, text: "" };
  for (const command of commands) reply = await dialogue.command(command);
  return reply;
}

/** A message with this subject, more header lines and body. */
export function mail(
  subject: string,
  more: { readonly headers?: readonly string[]; readonly body?: string } = {},
): string {
  const fields = [
    "From: Someone <someone@foreign.example>",
    "To: user@acme.test",
    `Subject: ${subject}`,
    "Date: Mon, 23 Nov 2026 10:00:00 +0000",
    `Message-ID: <${subject.replace(/[^a-z0-9]+/gi, "-")}@foreign.example>`,
    ...(more.headers ?? []),
  ];
  return `${fields.join("\n")}\n\n${more.body ?? "Hello, see you at noon.\n"}`;
}

/** What is in a folder of a mailbox: each message's whole text. */
export async function folderTexts(
  platform: Platform,
  login: MailboxLogin,
  folder = "INBOX",
): Promise<readonly string[]> {
  const client = await openImap(platform.ports.imap, login);
  try {
    return await textsIn(client, folder);
  } finally {
    await client.logout();
  }
}

/** The folder's message whose subject ends so; undefined when there is none, or no such folder. */
export async function messageIn(world: OptionWorld, subject: string, folder = "INBOX"): Promise<string | undefined> {
  const texts = await textsIn(await world.imap(), folder, subject);
  return texts.find((text) => new RegExp(`^Subject: (?:.* )?${subject}\\r?$`, "im").test(text));
}

/** Texts of a folder, or only those with words in the subject. A folder that is not there holds nothing. */
async function textsIn(client: ImapFlow, folder: string, words?: string): Promise<readonly string[]> {
  if (!(await client.list()).some(({ path }) => path === folder)) return [];
  await client.mailboxOpen(folder, { readOnly: true });
  const found = await client.search(words === undefined ? { all: true } : { subject: words }, { uid: true });
  const texts: string[] = [];
  if (!found || found.length === 0) return texts;
  for await (const message of client.fetch(found, { source: true }, { uid: true })) texts.push(String(message.source));
  return texts;
}
