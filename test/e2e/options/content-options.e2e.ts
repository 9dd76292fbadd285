import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testEveryRefusal } from "../explained-refusals.ts";
import { openImap } from "../imap-reader.ts";
import { startClamd, startRspamd } from "../scanner-daemons.ts";
import { mail, messageIn, type OptionWorld, say, startOptionWorld } from "./option-world.ts";

// Put together here, so that no scanner on the way takes this file for what it tests.
const gtube = ["XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE", "STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"].join("-");
const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("-");
const ip = "192.0.2.80";
let clamd: Awaited<ReturnType<typeof startClamd>>;
let rspamd: Awaited<ReturnType<typeof startRspamd>>;
let world: OptionWorld;
before(async () => {
  [clamd, rspamd] = await Promise.all([startClamd(), startRspamd()]);
  const env = { MAILFOLD_CLAMAV: clamd.socketPath, MAILFOLD_RSPAMD: `http://127.0.0.1:${rspamd.port}` };
  world = await startOptionWorld({ env });
  // The peer has no host name; that is not what these tests are about.
  await world.set({ reverseDns: "off" });
});
after(async () => {
  await world?.stop();
  await clamd?.stop();
  await rspamd?.stop();
});
const send = (subject: string, more: Parameters<typeof mail>[1] = {}) =>
  world.send({ ip, message: mail(subject, more) });
const html = (body: string) => ({
  headers: ["MIME-Version: 1.0", "Content-Type: text/html"],
  body: `<html><body>${body}</body></html>\n`,
});
const spamHeader = async (subject: string, folder?: string) =>
  /^X-Mailfold-Spam: .*(?:\r\n[ \t].*)*/im.exec((await messageIn(world, subject, folder)) ?? "")?.[0] ?? "";

describe("Content filtering", () => {
  test("Phrase list", async () => {
    await world.set({
      phraseList: [
        { phrase: "magic pills", points: 6 },
        { phrase: "lunch", points: -6 },
      ],
    });
    assert.equal(await send("phrase one", { body: "Buy MAGIC  pills now\n" }), "250 spam-junk");
    assert.equal(await send("magic pills in the subject"), "250 spam-junk");
    assert.equal(await send("phrase two", { body: "The magic of pills\n" }), "250 accepted");
    assert.equal(
      await send("phrase three", { body: "No magic pills at lunch\n" }),
      "250 accepted",
      "points may be negative",
    );
  });

  test("Word normalisation (r.e.f.i)", async () => {
    assert.equal(await send("normalised", { body: "Buy m.a.g.i.c p-i-l-l-s now\n" }), "250 spam-junk");
    await world.set({ phraseList: [] });
  });

  test("HTML Feature filtering", async () => {
    const tricks = `<form action="https://x.example/"><input name=p></form><script>x()</script><a href="https://evil.example/">https://bank.example/</a>`;
    assert.equal(await send("html tricks", html(`<p>Log in here, please, and soon.</p>${tricks}`)), "250 accepted");
    assert.match(await spamHeader("html tricks"), /html-form[\s\S]*html-script|html-link-mismatch/);
    assert.equal(await send("plain html", html("<p>Lunch at noon?</p>")), "250 accepted");
    assert.doesNotMatch(await spamHeader("plain html"), /html/);
    await world.set({ contentChecks: ["mime"] });
    await send("html unchecked", html(tricks));
    assert.doesNotMatch(await spamHeader("html unchecked"), /html/);
    await world.set({ contentChecks: ["html", "mime"] });
  });

  test("URL Domain Black List", async () => {
    await world.set({ urlDenyList: ["bad-shop.example"], spamThresholds: { junk: 0.5 } });
    assert.equal(
      await send("bad url", { body: "See https://www.bad-shop.example/offer?x=1 today\n" }),
      "250 spam-junk",
    );
    assert.equal(await send("good url", { body: "See https://not-bad-shop.example/ today\n" }), "250 accepted");
    await world.set({ urlDenyList: [], spamThresholds: { junk: 5, reject: 15 } });
  });

  test("Broken MIME header", async () => {
    const broken = { headers: ["MIME-Version: 1.0", "Content-Type: multipart/mixed"], body: "no boundary\n" };
    await send("broken mime", broken);
    assert.match(await spamHeader("broken mime"), /mime-missing-boundary/);
    assert.equal(
      await world
        .send({ ip, message: "From: a@foreign.example\nno field at all\n\nx\n" })
        .then((answer) => answer.slice(0, 3)),
      "250",
    );
  });

  test("Missing Subject, From or To", async () => {
    const message = "From: a@foreign.example\nMessage-ID: <bare@foreign.example>\n\nbare\n";
    await world.set({ spamThresholds: { junk: 1 } });
    assert.equal(await world.send({ ip, message }), "250 spam-junk");
    await world.set({ spamThresholds: { junk: 5, reject: 15 } });
  });

  test("Premium and perimeter filters", async () => {
    assert.match(await send("gtube", { body: `${gtube}\n` }), /^550 spam-rejected$/);
    await world.set({ spamScanner: false });
    assert.equal(await send("gtube unasked", { body: `${gtube}\n` }), "250 accepted");
    await world.set({ spamScanner: true });
  });

  test("Anti-virus: repair, bounce, redirect, delete", async () => {
    const virus = { body: `${eicar}\n` };
    assert.equal(await send("virus refused", virus), "550 virus-found");
    await world.set({ virusAction: "quarantine" });
    assert.equal(await send("virus held", virus), "250 virus-quarantined");
    await world.set({ virusAction: "discard" });
    assert.equal(await send("virus hidden", virus), "250 virus-discarded");
    for (const subject of ["virus held", "virus hidden"]) assert.equal(await messageIn(world, subject), undefined);
    await world.set({ virusAction: "reject" });
    await world.entry("ACCEPT", "192.0.2.81");
    const trusted = await world.send({ ip: "192.0.2.81", message: mail("virus of a friend", virus) });
    assert.equal(trusted, "550 virus-found", "no white list spares from it");
  });

  test("Content filtering for authenticated users", async () => {
    await world.set({ phraseList: [{ phrase: "magic pills", points: 20 }] });
    const submit = (to: string, body: string) =>
      world.submit({ to: [to], message: `From: ${world.user.address}\nTo: ${to}\nSubject: s\n\n${body}\n` });
    assert.equal(await submit("ann@acme.test", "magic pills"), "550 spam-rejected");
    assert.equal(await submit("x@elsewhere.example", gtube), "550 spam-rejected");
    await world.set({ scanAuthenticated: false });
    assert.match(await submit("ann@acme.test", "magic pills"), /^250 /);
    assert.equal(await submit("x@elsewhere.example", gtube), "250 relay-login");
    assert.equal(await submit("x@elsewhere.example", eicar), "550 virus-found", "viruses never leave");
    await world.set({ scanAuthenticated: true, phraseList: [] });
  });

  test("Statistical", async () => {
    const each = 22;
    const words = {
      spam: "casino jackpot lottery winner prize claim urgent inheritance replica refinance",
      ham: "meeting agenda minutes project schedule review draft budget colleague kitchen",
    };
    const letter = (kind: keyof typeof words, n: number) =>
      mail(`${kind} ${n}`, { body: `${words[kind]} number ${n}\n` });
    assert.equal(await world.send({ ip, message: letter("spam", 0) }), "250 accepted", "it knows nothing yet");
    const session = await world.session(ip);
    for (const kind of ["spam", "ham"] as const)
      for (let n = 1; n <= each; n += 1) {
        await say(session, "MAIL FROM:<someone@foreign.example>", "RCPT TO:<user@acme.test>", "DATA");
        assert.equal((await session.dialogue.body(letter(kind, n))).code, 250);
      }
    session.dialogue.close();
    const client = await openImap(world.platform.ports.imap, world.user);
    try {
      await client.mailboxOpen("INBOX");
      const of = async (kind: string) =>
        ((await client.search({ subject: `${kind} ` }, { uid: true })) || []) as number[];
      await client.messageFlagsAdd(await of("ham"), ["$NotJunk"], { uid: true });
      await client.messageMove(await of("spam"), "Junk", { uid: true });
    } finally {
      await client.logout();
    }
    const learned = async () => (await world.send({ ip, message: letter("spam", 100) })) === "250 spam-junk";
    for (const endsAt = Date.now() + 15_000; !(await learned()); )
      assert.ok(Date.now() < endsAt, "not learned in 15 s");
    assert.equal(await world.send({ ip, message: letter("ham", 100) }), "250 accepted");
    await world.set({ classifier: false });
    assert.equal(await world.send({ ip, message: letter("spam", 101) }), "250 accepted");
    await world.set({ classifier: true });
  });
});

describe("White list / Trusted IP Addresses", () => {
  test("White list: Apply to Anti-spam", async () => {
    await world.set({ phraseList: [{ phrase: "magic pills", points: 20 }] });
    const spammy = (from: string, subject: string) =>
      world.send({ ip: from, message: mail(subject, { body: "magic pills\n" }) });
    assert.equal(await spammy("192.0.2.82", "unknown"), "550 spam-rejected");
    await world.entry("ACCEPT", "192.0.2.82");
    assert.match(await spammy("192.0.2.82", "spared"), /^250 accept-listed$/);
    assert.ok(await messageIn(world, "spared"), "a hit skips all anti-spam");
    await world.set({ phraseList: [] });
  });
});

describe("Actions", () => {
  const spam = { body: "magic pills\n" };
  before(() => world.set({ phraseList: [{ phrase: "magic pills", points: 8 }] }));

  test("Actions: move to subfolder", async () => {
    assert.equal(await send("moved", spam), "250 spam-junk");
    assert.ok(await messageIn(world, "moved", "Junk"));
  });

  test("Actions: subject tag", async () => {
    await world.set({ junkAction: "tag", subjectTag: "[MAYBE SPAM]" });
    assert.equal(await send("tagged", spam), "250 spam-tagged");
    assert.match((await messageIn(world, "tagged")) ?? "", /^Subject: \[MAYBE SPAM\] tagged\r$/m);
  });

  test("Actions: X-header", async () => {
    await world.set({ junkAction: "header" });
    assert.equal(await send("marked", spam), "250 spam-marked");
    assert.match(await spamHeader("marked"), /phrases/);
  });

  test("Actions: delete", async () => {
    await world.set({ junkAction: "discard" });
    assert.equal(await send("hidden", spam), "250 discarded-junk");
    assert.equal(await messageIn(world, "hidden"), undefined);
    await world.set({ junkAction: "quarantine" });
    assert.equal(await send("held", spam), "250 spam-quarantined");
    assert.equal(await messageIn(world, "held"), undefined);
    await world.set({ junkAction: "folder" });
  });

  test("Actions: forward to an address", async () => {
    const actions = [{ do: "redirect", to: ["root-bulk@elsewhere.example"] }];
    await world.set({ rules: [{ name: "bulk", all: [{ field: "score", operator: "atLeast", value: 3 }], actions }] });
    assert.equal(await send("bulk junk", spam), "250 spam-junk");
    assert.ok(await messageIn(world, "bulk junk", "Junk"), "recognised spam stays here");
    await world.set({ phraseList: [{ phrase: "magic pills", points: 3 }] });
    assert.match(await send("bulk mail", spam), /^250 /);
    assert.match((await world.sink.letterTo("root-bulk@elsewhere.example")).message, /^Subject: bulk mail\r?$/m);
    assert.equal(await messageIn(world, "bulk mail"), undefined);
    await world.set({ phraseList: [], rules: [] });
  });
});

testEveryRefusal(() => world.platform);
