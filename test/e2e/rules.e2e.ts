import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { heldEntries, heldEntry } from "./held-mail.ts";
import { openImap } from "./imap-reader.ts";
import { type Platform, platformEnv, runMailfold, startPlatform } from "./platform.ts";
import { explained, referenceIn, type Scope } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { type Reply, sendLetter } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

let sink: SmtpSink;
let platform: Platform;
let tenant: Tenant;
let user: MailboxLogin;
let other: MailboxLogin;
let token: string;

const sender = "shop@offers.example";

const subjectIs = (value: string) => [{ field: "subject", operator: "equals", value }];
const save = (scope: Scope, rule: Record<string, unknown>, before?: string) =>
  mutate(platform, "ruleSave", "rule { name }", { scope, rule, ...(before === undefined ? {} : { before }) });
/** A rule for mail of one subject, set for the user's mailbox. */
const saveFor = (subject: string, ...actions: readonly object[]) =>
  save({ mailboxId: user.id }, { name: subject, all: subjectIs(subject), actions });

const letterOf = (subject: string, body: string) =>
  `From: <${sender}>\nTo: <someone@example>\nSubject: ${subject}\n\n${body}\n`;
async function send(subject: string, body = "hello", to = user.address): Promise<Reply> {
  const message = letterOf(subject, body);
  return (await sendLetter({ port: platform.ports.smtp }, { from: sender, to: [to], message })).final;
}
/** Submits as the user. */
async function submit(subject: string, to: string, body = "hello"): Promise<Reply> {
  const message = letterOf(subject, body).replace(sender, user.address);
  const letter = { from: user.address, to: [to], login: user, message };
  return (await sendLetter({ port: platform.ports.submission, startTls: true }, letter)).final;
}

interface Stored {
  readonly source: string;
  readonly flags: readonly string[];
}
/** Messages of a subject in a folder; none where there is no such folder. */
async function inFolder(subject: string, folder = "INBOX", login = user): Promise<readonly Stored[]> {
  const client = await openImap(platform.ports.imap, login);
  const found: Stored[] = [];
  try {
    if (!(await client.list()).some(({ path }) => path === folder)) return found;
    await client.mailboxOpen(folder, { readOnly: true });
    if (client.mailbox === false || client.mailbox.exists === 0) return found;
    for await (const { source, flags, envelope } of client.fetch("1:*", {
      source: true,
      flags: true,
      envelope: true,
    })) {
      if (envelope?.subject?.endsWith(subject)) found.push({ source: String(source), flags: [...(flags ?? [])] });
    }
    return found;
  } finally {
    await client.logout();
  }
}
const orderIn = (stored: Stored | undefined) =>
  [...(stored?.source ?? "").matchAll(/^X-Order: (.*)\r$/gm)].map((match) => match[1]);

interface Tested {
  readonly matches: boolean;
  readonly runs: boolean;
  readonly direction: string;
  readonly line: { readonly field: string; readonly number: number | null; readonly text: string } | null;
  readonly conditions: readonly { readonly path: readonly string[]; readonly result: string }[];
  readonly actions: readonly { readonly do: string }[];
}
const testFields = "matches runs direction line { field number text } conditions { path result } actions";
async function ruleTest(messageReference: string, rule: Record<string, unknown>): Promise<Tested | string> {
  const data = await platform.graphql<{ ruleTest: { test: Tested | null; errors: readonly { code: string }[] } }>(
    `query($input: RuleTestInput!) { ruleTest(input: $input) { test { ${testFields} } errors { code } } }`,
    { input: { scope: { tenantId: tenant.id }, rule: { name: "tried", ...rule }, messageReference } },
    token,
  );
  return data.ruleTest.test ?? data.ruleTest.errors.map(({ code }) => code).join();
}
const watches = {
  all: [{ field: "body", operator: "contains", value: "WATCHES" }],
  actions: [{ do: "quarantine" }],
};
const foundInBody = { field: "body", number: 2, text: "cheap watches" };
const cli = (args: readonly string[], input?: string) => runMailfold(args, platformEnv(platform.dataDir), input);

before(async () => {
  sink = await startSmtpSink();
  const env = {
    MAILFOLD_DEMO: "0",
    MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`,
    MAILFOLD_OUTBOUND_ALLOW_PRIVATE: "1",
  };
  platform = await startPlatform({ env });
  tenant = await provisionTenant(platform, "acme", { locals: ["user", "other"] });
  [user, other] = tenant.mailboxes as [MailboxLogin, MailboxLogin];
  const made = await mutate(platform, "tokenCreate", "secret", { name: "admin", scope: { tenantId: tenant.id } });
  token = made.secret as unknown as string;
  const scopes: readonly (readonly [string, Scope])[] = [
    ["mailbox", { mailboxId: user.id }],
    ["domain", { domainId: tenant.domainId }],
    ["tenant", { tenantId: tenant.id }],
    ["reseller", { resellerId: tenant.resellerId }],
    ["platform", { platform: true }],
  ];
  for (const [name, scope] of scopes) {
    const all = [{ field: "subject", operator: "startsWith", value: "order" }];
    await save(scope, { name: "order", all, actions: [{ do: "header", name: "X-Order", value: name }] });
  }
});
after(async () => {
  await platform?.stop();
  await sink?.close();
});

describe("processing rules", () => {
  test("all scopes' rules run, from the platform down; stop ends its scope, or all below it", async () => {
    const all = ["platform", "reseller", "tenant", "domain", "mailbox"];
    assert.equal((await send("order all")).code, 250);
    assert.deepEqual(orderIn((await inFolder("order all"))[0]), all);
    // Another mailbox of the domain has no rule of its own.
    await send("order other", "hello", other.address);
    assert.deepEqual(orderIn((await inFolder("order other", "INBOX", other))[0]), all.slice(0, 4));

    const stopAt = (scope: Scope, subject: string, stop: object) =>
      save(scope, { name: subject, all: subjectIs(subject), actions: [{ do: "stop", ...stop }] }, "order");
    await stopAt({ tenantId: tenant.id }, "order here", {});
    await stopAt({ tenantId: tenant.id }, "order below", { lowerScopes: true });
    await send("order here");
    await send("order below");
    assert.deepEqual(orderIn((await inFolder("order here"))[0]), ["platform", "reseller", "domain", "mailbox"]);
    assert.deepEqual(orderIn((await inFolder("order below"))[0]), ["platform", "reseller"]);
  });

  test("file, copy, flag, tag and header", async () => {
    await saveFor(
      "parcel",
      { do: "file", folder: "Shop" },
      { do: "copy", folder: "Kept" },
      { do: "flag", flag: "\\Flagged" },
      { do: "flag", flag: "shopping" },
      { do: "tag", text: "[shop]" },
      { do: "header", name: "X-Shop", value: "yes" },
    );
    assert.equal((await send("parcel")).code, 250);
    assert.deepEqual(await inFolder("parcel"), []);
    for (const folder of ["Shop", "Kept"]) {
      const [stored, ...more] = await inFolder("parcel", folder);
      assert.equal(more.length, 0, folder);
      assert.match(stored?.source ?? "", /^X-Shop: yes\r$/m, folder);
      assert.match(stored?.source ?? "", /^Subject: \[shop\] parcel\r$/m, folder);
      assert.deepEqual(stored?.flags.filter((flag) => flag !== "\\Recent").sort(), ["\\Flagged", "shopping"], folder);
    }
  });

  test("redirect sends it on under a sender of ours and keeps none; forward keeps one", async () => {
    await saveFor("onward", { do: "redirect", to: ["friend@far.example"] });
    await saveFor("both", { do: "forward", to: ["boss@far.example"] });
    await send("onward");
    await send("both");
    const onward = await sink.letterTo("friend@far.example");
    assert.match(onward.from, /^SRS0=[^@]+=offers\.example=shop@acme\.test$/);
    assert.match(onward.message, /^Delivered-To: user@acme\.test\r$/m);
    assert.match(onward.message, /\r\nSubject: onward\r\n\r\nhello/);
    assert.match((await sink.letterTo("boss@far.example")).from, /^SRS0=/);
    assert.deepEqual([(await inFolder("onward")).length, (await inFolder("both")).length], [0, 1]);
    // Its bounce finds the way back to who wrote it; an address that nobody was given leads nowhere.
    const bounceTo = async (to: string) => {
      const message = "From: <postmaster@far.example>\nSubject: failed\n\nno such user\n";
      return (await sendLetter({ port: platform.ports.smtp }, { from: "", to: [to], message })).final;
    };
    const back = await bounceTo(onward.from);
    assert.equal(back.code, 250, back.text);
    assert.equal((await bounceTo(onward.from.replace("=shop@", "=someone@"))).code, 550);
    assert.match((await sink.letterTo(sender)).message, /Subject: failed/);
  });

  test("quarantine, discard, and reject with its own text", async () => {
    await saveFor("hold", { do: "quarantine" }, { do: "forward", to: ["never@far.example"] });
    await saveFor("drop", { do: "discard" });
    await saveFor("no", { do: "reject", text: "we do not want this" });
    assert.deepEqual([(await send("hold")).code, (await send("drop")).code], [250, 250]);
    const held = await heldEntry(platform, tenant, { text: "hold" });
    const dropped = await heldEntry(platform, tenant, { text: "drop" });
    assert.deepEqual([held.kind, held.reason], ["QUARANTINED", "rule-quarantined"]);
    assert.deepEqual([dropped.kind, dropped.reason], ["DISCARDED", "rule-discarded"]);
    const refused = await send("no");
    assert.equal(refused.code, 550);
    assert.match(refused.text, /^5\.7\.1 we do not want this \(ref vrd_/);
    const { trace } = await explained(platform, referenceIn(refused));
    const line = trace.find(({ outcome }) => outcome === "refuse");
    assert.deepEqual([line?.setting, line?.setAtScope], ["rules", user.id]);
    assert.match(line?.detail ?? "", /rule "no".*Subject: no/i);
    for (const subject of ["hold", "drop", "no"]) assert.deepEqual(await inFolder(subject), [], subject);
    assert.deepEqual(sink.lettersTo("never@far.example"), []);
  });

  test("an outbound rule of the tenant sees what leaves, and nothing else", async () => {
    const card = [{ field: "body", operator: "matches", value: "[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}" }];
    const reject = [{ do: "reject", text: "card numbers stay here" }];
    await save({ tenantId: tenant.id }, { name: "cards", direction: "outbound", all: card, actions: reject });
    const stamp = [{ do: "header", name: "X-Left", value: "acme" }];
    await save({ tenantId: tenant.id }, { name: "stamp", direction: "outbound", all: [], actions: stamp });
    const number = "pay with 4111 1111 1111 1111";
    const refused = await submit("payment", "bank@far.example", number);
    assert.equal(refused.code, 550, refused.text);
    assert.match(refused.text, /card numbers stay here/);
    const sent = await submit("regards", "aunt@far.example");
    assert.equal(sent.code, 250, sent.text);
    assert.match((await sink.letterTo("aunt@far.example")).message, /^X-Left: acme\r$/m);
    assert.equal((await submit("payment", other.address, number)).code, 250);
    assert.deepEqual(sink.lettersTo("bank@far.example"), []);
    assert.doesNotMatch((await inFolder("payment", "INBOX", other))[0]?.source ?? "", /^X-Left/m);
  });

  test("a rule is tried on a held and on a delivered message, and names the line", async () => {
    await saveFor("held words", { do: "quarantine" });
    const body = "dear friend\ncheap watches\nbye";
    const kept = referenceIn(await send("held words", body));
    const { id } = await heldEntry(platform, tenant, { text: "held words" });
    const delivered = referenceIn(await send("plain words", body));
    assert.match(delivered, /^msg_/);
    const { reference } = await explained(platform, delivered);
    for (const about of [id, kept, delivered, reference]) {
      const tested = await ruleTest(about, watches);
      assert.ok(typeof tested === "object", `${about}: ${tested}`);
      const { matches, runs, direction, line, conditions, actions } = tested;
      assert.deepEqual([matches, runs, direction, line], [true, true, "INBOUND", foundInBody], about);
      assert.deepEqual(conditions, [{ path: ["all", "0"], result: "YES" }]);
      assert.deepEqual(actions, [{ do: "quarantine" }]);
    }
    const left = referenceIn(await submit("plain words", "uncle@far.example", body));
    await explained(platform, left);
    const inboundOnly = await ruleTest(left, watches);
    // What has left is not kept: it is either read while it waits, or said to be gone.
    if (typeof inboundOnly === "object") assert.deepEqual([inboundOnly.matches, inboundOnly.runs], [true, false]);
    else assert.equal(inboundOnly, "CONTENT_UNAVAILABLE");
    const refused = await explained(platform, referenceIn(await send("no", body)));
    assert.equal(refused.reason, "rule-rejected");
    assert.equal(await ruleTest(refused.reference, watches), "CONTENT_UNAVAILABLE");
    assert.equal(await ruleTest("vrd_00000000000000000000000000", watches), "NOT_FOUND");
    assert.equal(
      (await heldEntries(platform, tenant, { where: { text: "plain words" } })).length,
      0,
      "nothing is done",
    );
  });

  test("the command line saves, lists, tries and deletes a rule", async () => {
    const scope = ["--scope", other.id];
    const saved = await cli(["rules", "save", ...scope, "--json"], JSON.stringify({ name: "watches", ...watches }));
    assert.equal(saved.code, 0, saved.stderr);
    assert.deepEqual(JSON.parse(saved.stdout).rule.all[0].values, ["WATCHES"]);
    const listed = await cli(["rules", "list", ...scope, "--inherited", "--json"]);
    const names = (JSON.parse(listed.stdout) as { name: string; scope: { kind: string } }[]).map(
      ({ name, scope }) => `${scope.kind} ${name}`,
    );
    assert.deepEqual([names[0], names.at(-1)], ["PLATFORM order", "MAILBOX watches"]);
    const message = referenceIn(await send("on its way", "one\ncheap watches", user.address));
    // The reference is in the views a moment after the reply.
    await explained(platform, message);
    const tried = await cli(["rules", "test", ...scope, "--rule", "watches", "--message", message]);
    assert.equal(tried.code, 0, tried.stderr);
    assert.match(tried.stdout, /^all\.0\s+YES\s+body 2: cheap watches/m);
    assert.equal((await send("held by it", "cheap watches", other.address)).code, 250);
    assert.equal((await heldEntry(platform, tenant, { text: "held by it" })).reason, "rule-quarantined");
    const wrong = await cli(["rules", "save", ...scope], '{"name": "x", "all": [{"field": "hue"}], "actions": []}');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /RULE_INVALID \(rule\.all\.0\.field\)/);
    assert.equal((await cli(["rules", "save", ...scope], "{")).code, 2);
    assert.equal((await cli(["rules", "delete", "watches", ...scope])).code, 2);
    assert.equal((await cli(["rules", "delete", "watches", ...scope, "--yes"])).code, 0);
    assert.equal((await send("free again", "cheap watches", other.address)).code, 250);
    assert.equal((await inFolder("free again", "INBOX", other)).length, 1);
  });

  test("the server logged no error", () => {
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/);
  });
});
