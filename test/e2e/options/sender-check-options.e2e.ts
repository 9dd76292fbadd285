import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { reverseName } from "../dns-responder.ts";
import { testEveryRefusal } from "../explained-refusals.ts";
import { mutate } from "../provision.ts";
import { openDialogue } from "../smtp-dialogue.ts";
import { mail, messageIn, type OptionWorld, say, startOptionWorld } from "./option-world.ts";

const named = "192.0.2.40";
const misnamed = "192.0.2.41";
const nameless = "192.0.2.42";
let world: OptionWorld;
before(async () => {
  world = await startOptionWorld({
    records: [
      [reverseName(named), "PTR", "named.example."],
      ["named.example", "A", named],
      [reverseName(misnamed), "PTR", "named.example."],
      ["only-mx.example", "MX", "10 client.example."],
      ["null-mx.example", "MX", "0 ."],
    ],
  });
});
after(() => world?.stop());

async function fromHelo(helo: string): Promise<string> {
  const session = await world.session(nameless, { helo });
  const reply = await say(session, "MAIL FROM:<someone@foreign.example>", "RCPT TO:<user@acme.test>");
  session.dialogue.close();
  return reply.code === 250 ? "taken" : world.outcome(reply);
}

describe("Sender checks", () => {
  test("Refuse NULL <> Senders", async () => {
    assert.equal(await world.send({ ip: named, from: "" }), "250 accepted", "bounces come in");
    await world.set({ refuseNullSender: true });
    assert.equal(await world.send({ ip: named, from: "" }), "550 null-sender-refused");
    assert.equal(await world.send({ ip: named }), "250 accepted");
    await world.set({ refuseNullSender: false });
  });

  test("Require valid MAIL FROM / REPLY-TO", async () => {
    const headers = (text: string) =>
      world.send({ ip: named, message: `${text}\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n\nx\n` });
    await world.set({ requireFromOrReplyTo: "always" });
    assert.equal(await headers("Subject: neither"), "550 header-missing");
    assert.equal(await headers("From: nobody in particular\nSubject: invalid"), "550 header-missing");
    assert.match(await headers("Reply-To: a@b.example\nSubject: enough"), /^250 /);
    await world.set({ requireFromOrReplyTo: "relayed" });
    assert.match(await headers("Subject: inbound mail is free"), /^250 /);
    const submitted = await world.submit({ message: "Subject: what leaves is not\n\nx\n" });
    assert.match(submitted, /^550 (header-missing|from-mismatch)$/);
  });

  test("Verify MAIL FROM Address", async () => {
    const from = (domain: string) => world.send({ ip: named, from: `someone@${domain}` });
    assert.match(await from("nowhere.example"), /^250 /, "scored by default");
    await world.set({ verifySenderDomain: "reject" });
    assert.equal(await from("nowhere.example"), "550 sender-domain-unresolved");
    assert.equal(await from("null-mx.example"), "550 sender-domain-null-mx");
    assert.equal(await from("only-mx.example"), "250 accepted");
    assert.equal(await from("named.example"), "250 accepted", "an address will do");
    assert.equal(await world.send({ ip: named, from: "" }), "250 accepted", "<> has no domain");
    await world.set({ verifySenderDomain: "score" });
  });

  test("Verify HELO/EHLO Domain", async () => {
    assert.equal(await fromHelo("no-such-host.example"), "taken", "scored by default");
    await world.set({ verifyHelo: "reject" });
    assert.equal(await fromHelo("no-such-host.example"), "550 helo-unresolved");
    assert.equal(await fromHelo("client.example"), "taken");
    assert.equal(await fromHelo("only-mx.example"), "taken", "A or MX");
    await world.set({ verifyHelo: "off" });
    assert.equal(await fromHelo("no-such-host.example"), "taken");
    const dialogue = await openDialogue({ port: world.platform.ports.smtp, proxyFrom: named });
    await dialogue.reply();
    assert.equal((await dialogue.command("MAIL FROM:<someone@foreign.example>")).code, 503, "HELO is always required");
    dialogue.close();
    await world.set({ verifyHelo: "score" });
  });

  test("Reverse DNS lookup", async () => {
    assert.match(await world.send({ ip: nameless }), /^250 /, "scored by default");
    await world.set({ reverseDns: "reject" });
    assert.equal(await world.send({ ip: nameless }), "550 reverse-dns-missing");
    assert.equal(await world.send({ ip: misnamed }), "550 reverse-dns-missing", "it does not lead back");
    assert.equal(await world.send({ ip: named }), "250 accepted");
    await world.set({ reverseDns: "score" });
  });

  test("Sender checks: X-header or delete", async () => {
    await world.set({ spamThresholds: { junk: 3 }, junkAction: "header" });
    const doubtful = { ip: nameless, from: "someone@nowhere.example", message: mail("doubtful") };
    assert.match(await world.send(doubtful), /^250 /);
    const header = /^X-Mailfold-Spam: .*(?:\r\n[ \t].*)*/im.exec((await messageIn(world, "doubtful")) ?? "")?.[0] ?? "";
    for (const part of ["sender-domain-unresolved", "reverse-dns-missing"]) assert.ok(header.includes(part), header);
    await world.set({ spamThresholds: { reject: 3 } });
    assert.equal(await world.send(doubtful), "550 spam-rejected");
    await world.set({ spamThresholds: { junk: 5, reject: 15 }, junkAction: "folder" });
  });

  test("Sender belongs to the login", async () => {
    const as = (address: string) => world.submit({ from: address, message: `From: ${address}\n\nx\n` });
    assert.equal(await as("user@acme.test"), "250 relay-login");
    assert.equal(await as("ann@acme.test"), "553 sender-mismatch");
    const targets = [world.user.id];
    await mutate(world.platform, "aliasAdd", "alias { id }", {
      tenantId: world.acme.id,
      address: "sales@acme.test",
      targets,
    });
    assert.equal(await as("sales@acme.test"), "250 relay-login");
    await world.set({ senderMustMatchLogin: false });
    assert.equal(await as("ann@acme.test"), "250 relay-login");
    await world.set({ senderMustMatchLogin: true });
  });
});

testEveryRefusal(() => world.platform);
