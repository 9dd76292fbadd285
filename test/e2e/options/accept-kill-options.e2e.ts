import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { reverseName } from "../dns-responder.ts";
import { testEveryRefusal } from "../explained-refusals.ts";
import { mutate, provisionTenant } from "../provision.ts";
import { mail, type OptionWorld, startOptionWorld } from "./option-world.ts";

let world: OptionWorld;
before(async () => {
  world = await startOptionWorld({
    records: [
      [reverseName("192.0.2.30"), "PTR", "mail.partner.example."],
      ["mail.partner.example", "A", "192.0.2.30"],
    ],
  });
});
after(() => world?.stop());
const remove = (entryId: string) => mutate(world.platform, "senderEntryRemove", "entry { id }", { entryId });

describe("SMTP Accept List", () => {
  test("accept.txt (SMTP Accept List)", async () => {
    const to = ["someone@elsewhere.example"];
    assert.equal(await world.send({ ip: "192.0.2.1", to }), "550 relay-denied");
    await world.entry("ACCEPT", "192.0.2.1");
    assert.equal(await world.send({ ip: "192.0.2.1", to }), "250 relay-accept-entry", "an IP counts as local");
    assert.equal(await world.send({ ip: "192.0.2.2", to }), "550 relay-denied", "exact match only");
    await world.entry("ACCEPT", "boss@road.example");
    const spoofed = await world.send({ ip: "192.0.2.3", from: "boss@road.example", to });
    assert.equal(spoofed, "550 relay-sender-unproven", "a user line proves nothing by itself any more");
  });
});

describe("Kill File", () => {
  test("kill.lst: user@host", async () => {
    const entry = await world.entry("KILL", "joe@killed.example");
    assert.equal(await world.send({ ip: "192.0.2.10", from: "joe@killed.example" }), "550 kill-listed");
    assert.equal(await world.send({ ip: "192.0.2.10", from: "jane@killed.example" }), "250 accepted");
    await remove(entry);
    assert.equal(await world.send({ ip: "192.0.2.10", from: "joe@killed.example" }), "250 accepted");
  });

  test("kill.lst: @host", async () => {
    await world.entry("KILL", "@gone.example");
    assert.equal(await world.send({ ip: "192.0.2.11", from: "anybody@gone.example" }), "550 kill-listed");
    assert.equal(await world.send({ ip: "192.0.2.11", from: "anybody@sub.gone.example" }), "250 accepted");
  });

  test("kill.lst: @*suffix", async () => {
    await world.entry("KILL", "@*widget.example");
    assert.equal(await world.send({ ip: "192.0.2.12", from: "a@bluewidget.example" }), "550 kill-listed");
    assert.equal(await world.send({ ip: "192.0.2.12", from: "a@widget.example" }), "550 kill-listed");
    assert.equal(await world.send({ ip: "192.0.2.12", from: "a@widget.example.org" }), "250 accepted");
  });

  test("501 unacceptable mail address", async () => {
    await world.entry("KILL", "@bad.example");
    const session = await world.session("192.0.2.13");
    const { dialogue } = session;
    assert.equal(
      (await dialogue.command("MAIL FROM:<x@bad.example>")).code,
      250,
      "held, so that the recipient's own list counts",
    );
    const reply = await dialogue.command("RCPT TO:<user@acme.test>");
    dialogue.close();
    assert.match(`${reply.code} ${reply.text}`, /^550 5\.7\.1 .*\(ref vrd_/);
    const branch = await provisionTenant(world.platform, "branch");
    const elsewhere = { ip: "192.0.2.13", from: "x@bad.example", to: [`user@${branch.domain}`] };
    assert.equal(await world.send(elsewhere), "250 accepted", "each tenant has its own");
  });
});

describe("Control Access", () => {
  test("Control Access: deny computers and subnets", async () => {
    await world.entry("KILL", "198.51.100.64/26");
    await world.entry("KILL", "198.51.100.7");
    for (const ip of ["198.51.100.64", "198.51.100.127", "198.51.100.7"])
      assert.equal(await world.send({ ip }), "550 kill-listed", ip);
    for (const ip of ["198.51.100.63", "198.51.100.128", "198.51.100.8"])
      assert.equal(await world.send({ ip }), "250 accepted", ip);
  });

  test("Control Access: deny all except", async () => {
    const everyone = await world.entry("KILL", "0.0.0.0/0");
    await world.entry("ACCEPT", "203.0.113.0/24");
    assert.equal(await world.send({ ip: "192.0.2.70" }), "550 kill-listed");
    assert.equal(await world.send({ ip: "203.0.113.5" }), "250 accept-listed");
    await remove(everyone);
  });
});

describe("White list / Trusted IP Addresses", () => {
  const spammy = (subject: string) => mail(subject, { body: "Buy magic pills now\n" });
  const phrases = { phraseList: [{ phrase: "magic pills", points: 20 }] };

  test("White list: IP, domain, address", async () => {
    await world.set(phrases);
    await world.entry("KILL", "@*blocked.example");
    await world.entry("KILL", "192.0.2.31");
    await world.entry("ACCEPT", "192.0.2.31");
    await world.entry("ACCEPT", "@blocked.example");
    await world.entry("ACCEPT", "friend@notblocked.example");
    assert.equal(await world.send({ ip: "192.0.2.31" }), "250 accept-listed", "by IP");
    assert.equal(await world.send({ ip: "192.0.2.32", from: "a@blocked.example" }), "250 accept-listed", "by domain");
    const friend = await world.send({ ip: "192.0.2.32", from: "friend@notblocked.example" });
    assert.equal(friend, "250 accept-listed", "by address");
    assert.equal(await world.send({ ip: "192.0.2.32", from: "foe@notblocked.example" }), "550 kill-listed");
  });

  test("White list: a host name", async () => {
    await world.entry("ACCEPT", "mail.partner.example");
    const spared = await world.send({ ip: "192.0.2.30", message: spammy("by host") });
    assert.equal(spared, "250 accept-listed", "the confirmed name counts");
  });
});

testEveryRefusal(() => world.platform);
