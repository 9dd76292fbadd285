import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testEveryRefusal } from "../explained-refusals.ts";
import { everywhere, refusedPolicy, type Scope } from "../policy-calls.ts";
import { mail, messageIn, type OptionWorld, startOptionWorld } from "./option-world.ts";

const ip = "192.0.2.90";
let world: OptionWorld;
before(async () => {
  world = await startOptionWorld();
  await world.set({ reverseDns: "off" });
});
after(() => world?.stop());

type Rule = Readonly<Record<string, unknown>>;
const rules = (list: readonly Rule[], at?: Scope) => world.set({ rules: list }, at);
const file = (folder: string) => [{ do: "file", folder }];
const subject = (operator: string, value: string, more: Rule = {}) => ({
  field: "subject",
  operator,
  values: [value],
  ...more,
});
const send = (text: string, more: Parameters<typeof mail>[1] = {}) => world.send({ ip, message: mail(text, more) });
/** Which of the folders has the message. */
async function folderOf(text: string, ...folders: readonly string[]): Promise<string> {
  for (const folder of [...folders, "INBOX"]) if (await messageIn(world, text, folder)) return folder;
  return "nowhere";
}

describe("Rules", () => {
  test("Inbound rules: host, list, user", async () => {
    const mailboxId = world.user.id;
    const scopes = [
      everywhere,
      { resellerId: world.acme.resellerId },
      world.scope,
      { domainId: world.acme.domainId },
      { mailboxId },
    ];
    for (const [index, scope] of scopes.entries())
      await rules(
        [{ name: `scope ${index}`, all: [subject("contains", `level${index}`)], actions: file(`Level${index}`) }],
        scope,
      );
    for (const index of scopes.keys()) {
      await send(`for level${index}`);
      assert.equal(await folderOf(`for level${index}`, `Level${index}`), `Level${index}`);
    }
    await send("level0 level4 both");
    assert.equal(
      await folderOf("level0 level4 both", "Level0", "Level4"),
      "Level4",
      "the rule nearest to the mailbox wins",
    );
    for (const scope of scopes) await rules([], scope);
  });

  test("Outbound rules: host only", async () => {
    const rule = {
      direction: "outbound",
      name: "no secrets",
      all: [subject("contains", "secret")],
      actions: [{ do: "reject", text: "Secrets stay here" }],
    };
    await rules([rule]);
    const submit = (text: string) =>
      world.submit({ message: `From: ${world.user.address}\nTo: x@elsewhere.example\nSubject: ${text}\n\nx\n` });
    assert.equal(await submit("top secret"), "550 rule-rejected");
    assert.equal(await submit("hello"), "250 relay-login");
    assert.match(await send("secret from outside"), /^250 /, "inbound mail is not its business");
    await rules([]);
    const atMailbox = await refusedPolicy(world.platform, { mailboxId: world.user.id }, { rules: [rule] });
    if (atMailbox === undefined) assert.equal(await submit("secret of a user"), "250 relay-login", "tenant and up");
    await rules([], { mailboxId: world.user.id });
  });

  test("Rule fields: To, From, Sender, Subject, Header, Body", async () => {
    const fields: readonly (readonly [name: string, condition: Rule])[] = [
      ["To", { field: "to", operator: "contains", values: ["everyone@acme.test"] }],
      ["From", { field: "from", operator: "contains", values: ["Fred"] }],
      ["Sender", { field: "sender", operator: "equals", values: ["bounce@foreign.example"] }],
      ["Subject", subject("contains", "weekly")],
      ["Header", { field: "anyHeader", operator: "contains", values: ["X-Loop: 7"] }],
      ["Body", { field: "body", operator: "contains", values: ["annual report"] }],
    ];
    await rules(fields.map(([name, condition]) => ({ name, all: [condition], actions: file(`By${name}`) })));
    const text = (name: string) => mail(`field ${name}`);
    await world.send({ ip, message: text("To").replace("To: user@acme.test", "To: everyone@acme.test") });
    await world.send({ ip, message: text("From").replace("Someone <", "Fred <") });
    await world.send({ ip, from: "bounce@foreign.example", message: text("Sender") });
    await send("weekly field Subject");
    await send("field Header", { headers: ["X-Loop: 7"] });
    await send("field Body", { body: "This is the Annual\nReport, and the annual report it is.\n" });
    for (const [name] of fields) assert.equal(await folderOf(`field ${name}`, `By${name}`), `By${name}`);
    await send("field none");
    assert.equal(await folderOf("field none", ...fields.map(([name]) => `By${name}`)), "INBOX");
  });

  test("contains / does not contain, text patterns, case flag", async () => {
    await rules([
      { name: "case", all: [subject("contains", "URGENT", { caseSensitive: true })], actions: file("Loud") },
      { name: "pattern", all: [subject("matches", "invoice [0-9]+")], actions: file("Invoices") },
      {
        name: "not",
        all: [subject("contains", "newsletter"), { not: subject("contains", "ours") }],
        actions: file("News"),
      },
    ]);
    for (const [text, folder] of [
      ["URGENT matter", "Loud"],
      ["urgent matter two", "INBOX"],
      ["your invoice 4711", "Invoices"],
      ["your invoice follows", "INBOX"],
      ["a newsletter", "News"],
      ["a newsletter of ours", "INBOX"],
    ] as const) {
      await send(text);
      assert.equal(await folderOf(text, "Loud", "Invoices", "News"), folder, text);
    }
  });

  test("AND of conditions, in order", async () => {
    await rules([
      {
        name: "both",
        all: [subject("contains", "alpha"), subject("contains", "beta")],
        actions: [...file("Both"), { do: "stop" }],
      },
      { name: "either", any: [subject("contains", "alpha"), subject("contains", "beta")], actions: file("Either") },
    ]);
    await send("alpha and beta");
    await send("alpha alone");
    assert.equal(await folderOf("alpha and beta", "Both", "Either"), "Both");
    assert.equal(await folderOf("alpha alone", "Both", "Either"), "Either");
  });
});

describe("Rule actions", () => {
  const always = (name: string, ...actions: readonly Rule[]) => ({ name, all: [subject("contains", name)], actions });

  test("Rule actions: move, forward, delete, bounce, X-header, send", async () => {
    await rules([
      always("to-folder", { do: "file", folder: "Moved" }),
      always("forwarded", { do: "redirect", to: ["other@elsewhere.example"] }),
      always("sent", { do: "forward", to: ["copy@elsewhere.example"] }),
      always("deleted", { do: "discard" }),
      always("bounced", { do: "reject", text: "We do not want this" }),
      always("labelled", { do: "header", name: "X-Label", value: "seen by a rule" }),
      always("prefixed", { do: "tag", text: "[RULE]" }),
      always("kept-back", { do: "quarantine" }),
    ]);
    await send("to-folder");
    assert.equal(await folderOf("to-folder", "Moved"), "Moved");
    await send("forwarded");
    const moved = await world.sink.letterTo("other@elsewhere.example");
    assert.match(moved.from, /^SRS0=.*@acme\.test$/i, "sent on under an own name, so that SPF passes");
    assert.equal(await folderOf("forwarded"), "nowhere");
    await send("sent");
    await world.sink.letterTo("copy@elsewhere.example");
    assert.equal(await folderOf("sent"), "INBOX", "send keeps the mail");
    assert.equal(await send("deleted"), "250 rule-discarded");
    assert.equal(await folderOf("deleted"), "nowhere");
    assert.equal(await send("bounced"), "550 rule-rejected");
    await send("labelled");
    assert.match((await messageIn(world, "labelled")) ?? "", /^X-Label: seen by a rule\r$/m);
    await send("prefixed");
    assert.match((await messageIn(world, "prefixed")) ?? "", /^Subject: \[RULE\] prefixed\r$/m);
    assert.equal(await send("kept-back"), "250 rule-quarantined");
    assert.equal(await folderOf("kept-back"), "nowhere");
    await rules([]);
  });

  test("Processing order", async () => {
    await rules([always("ordered", { do: "file", folder: "Rules" })]);
    await world.entry("KILL", "@killed.example");
    const ordered = mail("ordered");
    assert.equal(
      await world.send({ ip, from: "x@killed.example", message: ordered }),
      "550 kill-listed",
      "kill list first",
    );
    await world.set({ phraseList: [{ phrase: "ordered", points: 20 }] });
    assert.equal(await send("ordered"), "550 spam-rejected", "content filters before delivery rules");
    await world.entry("ACCEPT", "friend@foreign.example");
    await world.send({ ip, from: "friend@foreign.example", message: mail("ordered friend") });
    assert.equal(await folderOf("ordered friend", "Rules"), "Rules", "a white list hit skips anti-spam, not the rules");
    await world.set({ phraseList: [], rules: [] });
  });
});

testEveryRefusal(() => world.platform);
