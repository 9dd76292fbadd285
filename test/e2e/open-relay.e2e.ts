import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Platform, startPlatform } from "./platform.ts";
import { type MailboxLogin, provisionTenant } from "./provision.ts";
import { type RelayForm, type RelayNames, relayForms, relaySenders } from "./relay-forms.ts";
import { type Dialogue, openDialogue, type Reply, sendLetter } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

const names: RelayNames = { ours: "acme.test", other: "rival.test", external: "victim.example" };
const forms = relayForms(names);
const senders = relaySenders(names);
/** Forms of one transaction: few enough that budgets for errors and unknown recipients do not end it early. */
const formsPerTransaction = 15;

let sink: SmtpSink;
let platform: Platform;
let rival: MailboxLogin;
let probes = 0;
let ownProbes = 0;

before(async () => {
  sink = await startSmtpSink();
  platform = await startPlatform({ env: { MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`, MAILFOLD_DEMO: "0" } });
  await provisionTenant(platform, "acme");
  const [login] = (await provisionTenant(platform, "rival")).mailboxes;
  assert.ok(login);
  rival = login;
});
after(async () => {
  await platform?.stop();
  await sink?.close();
});

/** A way in: how a session is opened before the probes. */
interface Door {
  readonly name: string;
  /** Claimed address of the n-th session. */
  readonly from: (index: number) => string;
  readonly port: "smtp" | "submission";
  readonly startTls?: boolean;
  readonly login?: () => MailboxLogin;
}
const doors: readonly Door[] = [
  { name: "MX from a foreign address", from: (index) => `203.0.113.${1 + index}`, port: "smtp" },
  { name: "MX from a foreign IPv6 address", from: (index) => `2001:db8:${index + 1}::1`, port: "smtp" },
  { name: "MX with STARTTLS", from: (index) => `198.51.100.${1 + index}`, port: "smtp", startTls: true },
  { name: "submission without login", from: (index) => `192.0.2.${1 + index}`, port: "submission" },
  {
    name: "submission with the login of another tenant",
    from: (index) => `192.0.2.${101 + index}`,
    port: "submission",
    startTls: true,
    login: () => rival,
  },
];

/** An opened session; a server that sheds load for a moment is asked again. */
async function enter(door: Door, index: number): Promise<Dialogue> {
  for (let attempt = 1; ; attempt += 1) {
    const dialogue = await openDialogue({ port: platform.ports[door.port], proxyFrom: door.from(index) });
    const greeting = await dialogue.reply();
    if (greeting.code === 220) {
      await dialogue.command("EHLO client.example");
      if (door.startTls) {
        assert.equal((await dialogue.startTls()).code, 220);
        await dialogue.command("EHLO client.example");
      }
      const login = door.login?.();
      if (login !== undefined) assert.equal((await dialogue.authPlain(login.address, login.password)).code, 235);
      return dialogue;
    }
    dialogue.close();
    assert.ok(attempt < 20, `${door.name}: ${greeting.code} ${greeting.text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const isAscii = (text: string) => Buffer.byteLength(text) === text.length;

/** One sender with some forms in one transaction that ends in DATA; answers what was taken and should not have been. */
async function probe(door: Door, index: number, of: { readonly sender: string; readonly forms: readonly RelayForm[] }) {
  const dialogue = await enter(door, index);
  const taken: string[] = [];
  const note = (form: RelayForm, reply: Reply) => {
    probes += 1;
    assert.notEqual(reply.code, 0, `${door.name}: the session ended before ${form.name}`);
    if (reply.code < 400) taken.push(`${door.name}: <${of.sender}> ${form.name} ${form.recipient}: ${reply.code}`);
  };
  try {
    const utf8 = of.forms.every((form) => isAscii(form.recipient)) ? "" : " SMTPUTF8";
    const lines = [`MAIL FROM:<${of.sender}>${utf8}`, ...of.forms.map((form) => `RCPT TO:<${form.recipient}>`)];
    dialogue.raw(`${lines.join("\r\n")}\r\n`);
    const mail = await dialogue.reply();
    for (const form of of.forms) note(form, await dialogue.reply());
    // Answered 354 only where some recipient was taken after all.
    const data = await dialogue.command("DATA");
    if (data.code === 354) taken.push(`${door.name}: <${of.sender}> DATA was opened after ${mail.code}`);
  } finally {
    dialogue.close();
  }
  return taken;
}

/** Recipients of the newest verdicts of an action. */
async function recipientsWith(action: string): Promise<readonly (string | null)[]> {
  const data = await platform.graphql<{ verdicts: { nodes: readonly { recipient: string | null }[] } }>(
    "query($action: String!) { verdicts(first: 50, where: { action: $action }) { nodes { recipient } } }",
    { action },
  );
  return data.verdicts.nodes.map((node) => node.recipient);
}

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}

describe("open relay", () => {
  test("the probes would notice: what a login sends as itself reaches the sink", async () => {
    const { final } = await sendLetter(
      { port: platform.ports.submission, startTls: true },
      {
        from: rival.address,
        to: [`control@${names.external}`],
        login: rival,
        message: `From: ${rival.address}\n\nx\n`,
      },
    );
    assert.equal(final.code, 250, final.text);
    await sink.letterTo(`control@${names.external}`);
    const own: Door = { ...(doors.at(-1) as Door), from: () => "192.0.2.200" };
    const found = await probe(own, 0, { sender: rival.address, forms: forms.slice(0, 1) });
    assert.equal(found.length, 2, "RCPT and DATA were taken, and told");
    probes = 0;
  });

  for (const door of doors) {
    test(`${door.name}: no form of any sender is taken`, async () => {
      // Submission without login answers MAIL and every RCPT with an error: fewer fit into the error budget.
      const size = door.port === "submission" && door.login === undefined ? 12 : formsPerTransaction;
      const transactions = senders.flatMap((sender) => chunks(forms, size).map((some) => ({ sender, forms: some })));
      const taken: string[] = [];
      for (const five of chunks([...transactions.entries()], 5)) {
        const found = await Promise.all(five.map(([index, transaction]) => probe(door, index, transaction)));
        taken.push(...found.flat());
      }
      assert.deepEqual(taken, []);
    });
  }

  test("with its own sender a login reaches what it plainly names, and no form routes onwards", async () => {
    const own: Door = { ...(doors.at(-1) as Door), from: (index) => `192.0.2.${201 + index}` };
    const plain = /^[\w+=-]+(?:\.[\w+=-]+)*@[\p{L}\d_.\u3002\u200b-]+$/u;
    const routes = forms.filter((form) => !plain.test(form.recipient) || form.recipient.endsWith(`@${names.ours}`));
    assert.ok(routes.length >= 45, `${routes.length} forms`);
    const taken: string[] = [];
    for (const [index, some] of chunks(routes, formsPerTransaction).entries())
      taken.push(...(await probe(own, index, { sender: rival.address, forms: some })));
    assert.deepEqual(taken, []);
    ownProbes = routes.length;
  });

  test("at least 60 forms x 6 senders x every way in; nothing but the control left, nothing waits to leave", async (t) => {
    t.diagnostic(`${probes} probes: ${forms.length} forms x ${senders.length} senders x ${doors.length} ways in`);
    assert.ok(forms.length >= 60 && senders.length >= 6);
    assert.equal(probes, forms.length * senders.length * doors.length + ownProbes);
    assert.ok(probes >= 1_400);
    const metrics = await (await fetch(`http://127.0.0.1:${platform.ports.http}/metrics`)).text();
    assert.match(metrics, /^mailfold_outbound_queue\S* 0$/m);
    assert.deepEqual(
      sink.letters.map((letter) => letter.to),
      [[`control@${names.external}`]],
    );
    assert.deepEqual(await recipientsWith("accept"), [`control@${names.external}`], "the only acceptance on record");
    assert.ok((await recipientsWith("reject")).length >= 50, "refusals are on record");
  });
});
