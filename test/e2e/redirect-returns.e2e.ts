import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openImap } from "./imap-reader.ts";
import { type Platform, type PlatformOptions, startPlatform, temporaryDir } from "./platform.ts";
import { explained, referenceIn, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

/** What a mailbox's rules send on and the world outside refuses is its mail again: octet for octet, once. */
const sender = "shop@offers.example";
const retryMs = 1_000;
const refusal = "550 5.1.1 nobody of that name here";

let sink: SmtpSink;
let platform: Platform;
let tenant: Tenant;
let user: MailboxLogin;
let ann: MailboxLogin;
const dataDir = temporaryDir("redirect-returns");
const options = (): PlatformOptions => ({
  dataDir,
  env: {
    MAILFOLD_DEMO: "0",
    MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`,
    MAILFOLD_TEST_RETRY_MS: String(retryMs),
  },
});

before(async () => {
  sink = await startSmtpSink();
  platform = await startPlatform(options());
  tenant = await provisionTenant(platform, "acme", { locals: ["user", "ann"] });
  [user, ann] = tenant.mailboxes as [MailboxLogin, MailboxLogin];
});
after(async () => {
  await platform?.stop();
  await sink?.close();
});

const redirectFrom = (scope: { readonly mailboxId: string } | { readonly domainId: string }, ...to: string[]) =>
  setPolicy(platform, scope, {
    rules: to.length === 0 ? [] : [{ name: "on", all: [], actions: [{ do: "redirect", to }] }],
  });

/** With what is easily lost on the way: dots, folds, octets beyond ASCII, an empty line at the end. */
const letterOf = (subject: string) =>
  [
    `From: <${sender}>`,
    "To: someone@example",
    `Subject: ${subject}`,
    "X-Odd:no space",
    "X-Folded: a",
    "\tb",
    "",
    "..two dots",
    ".",
    "grüße",
    randomBytes(6_000).toString("base64"),
    "",
    "",
  ].join("\n");

async function send(subject: string, to: readonly string[] = [user.address]) {
  const message = letterOf(subject);
  const { final } = await sendLetter({ port: platform.ports.smtp }, { from: sender, to, message });
  assert.equal(final.code, 250, final.text);
  return { reference: referenceIn(final), octets: message.replace(/\n/g, "\r\n") };
}

/** Copies of one subject in all folders of a mailbox, as stored. */
async function copiesOf(subject: string, login: MailboxLogin): Promise<readonly string[]> {
  const client = await openImap(platform.ports.imap, login);
  const sources: string[] = [];
  try {
    for (const { path } of await client.list()) {
      await client.mailboxOpen(path, { readOnly: true });
      const found = await client.search({ subject }, { uid: true });
      if (!found || found.length === 0) continue;
      for await (const { source } of client.fetch(found, { source: true }, { uid: true })) sources.push(String(source));
    }
    return sources;
  } finally {
    await client.logout();
  }
}
async function comesBack(subject: string, login: MailboxLogin, octets: string): Promise<void> {
  let copies: readonly string[] = [];
  for (const deadline = Date.now() + 30_000; copies.length === 0; await sleep(100)) {
    assert.ok(Date.now() < deadline, `${subject} does not come back to ${login.address}`);
    copies = await copiesOf(subject, login);
  }
  const [copy = ""] = copies;
  assert.equal(copies.length, 1);
  const ours =
    /^Return-Path: <shop@offers\.example>\r\nDelivered-To: .+\r\n(?:[\w-]+:.*\r\n(?:[ \t].*\r\n)*?)*?(?=From: )/;
  assert.match(copy, ours);
  assert.equal(copy.replace(ours, ""), octets, "octet for octet");
}
/** Still one, after all that could make it two had time to. */
async function staysOne(subject: string, login: MailboxLogin): Promise<void> {
  await sleep(retryMs * 2);
  assert.equal((await copiesOf(subject, login)).length, 1, "once");
}
/** Replies to RCPT for an address, one after the other; `then` is told when one is said. */
function answer(address: string, replies: readonly string[], then: (said: number) => void = () => {}): void {
  let said = 0;
  const { get } = Map.prototype;
  Object.assign(sink.refusals, {
    get(recipient: string) {
      if (recipient !== address) return get.call(sink.refusals, recipient);
      const reply = replies[Math.min(said, replies.length - 1)];
      said += 1;
      then(said);
      return reply;
    },
  });
}

describe("redirected mail that the other side refuses", () => {
  test("with 550 comes back to the mailbox; what it takes stays away", async () => {
    await redirectFrom({ mailboxId: user.id }, "gone@far.example");
    answer("gone@far.example", [refusal]);
    const { octets } = await send("refused");
    await comesBack("refused", user, octets);
    await staysOne("refused", user);
    await redirectFrom({ mailboxId: user.id }, "there@far.example");
    await send("taken");
    await sink.letterTo("there@far.example");
    await sleep(500);
    assert.deepEqual(await copiesOf("taken", user), []);
    assert.equal(sink.letters.filter(({ to }) => to.includes(sender)).length, 0, "strangers get no bounce");
  });

  test("of an alias comes back to each of its mailboxes", async () => {
    await redirectFrom({ mailboxId: user.id });
    await redirectFrom({ domainId: tenant.domainId }, "gone@far.example");
    const address = `all@${tenant.domain}`;
    await mutate(platform, "aliasAdd", "alias { address }", {
      tenantId: tenant.id,
      address,
      targets: [user.id, ann.id],
    });
    answer("gone@far.example", [refusal]);
    const { octets } = await send("for all", [address]);
    await comesBack("for all", user, octets);
    await comesBack("for all", ann, octets);
    await staysOne("for all", ann);
    await redirectFrom({ domainId: tenant.domainId });
  });

  test("after a delay and kill -9: once", async () => {
    await redirectFrom({ mailboxId: user.id }, "later@far.example");
    const deferred = Promise.withResolvers<void>();
    answer("later@far.example", ["451 4.3.0 not now", refusal], () => deferred.resolve());
    const { octets } = await send("delayed");
    await deferred.promise;
    await sleep(200);
    await platform.stop("SIGKILL");
    platform = await startPlatform(options());
    await comesBack("delayed", user, octets);
    await staysOne("delayed", user);
  });

  for (const killedAfterMs of [0, 4, 15, 40]) {
    test(`kill -9 ${killedAfterMs} ms after the refusal: once`, async () => {
      const subject = `killed after ${killedAfterMs}`;
      await redirectFrom({ mailboxId: user.id }, "gone@far.example");
      const refused = Promise.withResolvers<void>();
      answer("gone@far.example", [refusal], () => refused.resolve());
      const { octets } = await send(subject);
      await refused.promise;
      await sleep(killedAfterMs);
      await platform.stop("SIGKILL");
      platform = await startPlatform(options());
      await comesBack(subject, user, octets);
      await staysOne(subject, user);
    });
  }
});

test("a domain that is not verified sends nothing on: the copy stays, and the verdict's trace says why", async () => {
  const claimed = await provisionTenant(platform, "claimed", { verified: false });
  const login = claimed.mailboxes[0] ?? assert.fail("no mailbox");
  await redirectFrom({ mailboxId: login.id }, "elsewhere@far.example");
  const { reference, octets } = await send("unproven", [login.address]);
  await comesBack("unproven", login, octets);
  const { trace } = await explained(platform, reference);
  const line = trace.find(({ detail }) => detail?.includes("not sent on"));
  assert.equal(line?.detail, 'rule "on": not sent on, claimed.test is not verified', JSON.stringify(trace));
  await sleep(500);
  assert.deepEqual(sink.lettersTo("elsewhere@far.example"), []);
});
