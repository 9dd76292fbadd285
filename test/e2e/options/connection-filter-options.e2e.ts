import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeDkimSigner } from "../dkim-signer.ts";
import { reverseName } from "../dns-responder.ts";
import { testEveryRefusal } from "../explained-refusals.ts";
import { listing, txt } from "../name-server.ts";
import { mail, messageIn, type OptionWorld, startOptionWorld } from "./option-world.ts";

const listed = "192.0.2.60";
const listedTwice = "192.0.2.61";
const welcome = "192.0.2.62";
const clean = "192.0.2.63";
const allowed = "198.51.100.25";
const signer = makeDkimSigner("signed.example");
let world: OptionWorld;
before(async () => {
  world = await startOptionWorld({
    records: [
      ...[listed, listedTwice, welcome, clean, allowed].flatMap(
        (ip) =>
          [
            [reverseName(ip), "PTR", `h${ip.split(".")[3]}.hosts.example.`],
            [`h${ip.split(".")[3]}.hosts.example`, "A", ip],
          ] as const,
      ),
      listing(listed, "bl.example"),
      listing(listedTwice, "bl.example"),
      listing(listedTwice, "other-bl.example", "127.0.0.10"),
      listing(clean, "error-bl.example", "127.255.255.254"),
      listing(welcome, "bl.example"),
      listing(welcome, "wl.example"),
      ["spf.example", "MX", "10 client.example."],
      ["spf.example", "TXT", txt(`v=spf1 ip4:${allowed} -all`)],
      ["signed.example", "MX", "10 client.example."],
      [signer.recordName, "TXT", txt(signer.record)],
      ["_dmarc.signed.example", "TXT", txt("v=DMARC1; p=reject")],
    ],
  });
});
after(() => world?.stop());

describe("DNS/Realtime Black Lists", () => {
  test("DNS black lists: standard", async () => {
    await world.set({
      dnsbl: [
        { zone: "bl.example", weight: 3 },
        { zone: "other-bl.example", weight: 2.5 },
      ],
    });
    assert.match(await world.send({ ip: clean, message: mail("listed nowhere") }), /^250 accepted$/);
    assert.equal(
      await world.send({ ip: listed, message: mail("listed once") }),
      "250 accepted",
      "one opinion is not enough",
    );
    assert.equal(await world.send({ ip: listedTwice, message: mail("listed twice") }), "250 spam-junk");
    assert.ok(await messageIn(world, "listed twice", "Junk"));
    const header = (await messageIn(world, "listed once")) ?? "";
    assert.match(header, /^X-Mailfold-Spam: [\s\S]*bl\.example/im, "the X-header says which");
    await world.set({ dnsbl: [] });
  });

  test("DNS black lists: trusted", async () => {
    await world.set({ dnsbl: [{ zone: "bl.example", trusted: true }] });
    assert.equal(await world.send({ ip: listed }), "550 dns-listed");
    assert.equal(await world.send({ ip: clean }), "250 accepted");
    await world.set({ dnsbl: [] });
    assert.equal(await world.send({ ip: listed }), "250 accepted", "per tenant, and in force at once");
  });

  test("DNS black lists: a list's error is no listing", async () => {
    await world.set({ dnsbl: [{ zone: "error-bl.example", trusted: true }] });
    assert.equal(await world.send({ ip: clean }), "250 accepted");
    await world.set({ dnsbl: [] });
  });

  test("DNS white lists", async () => {
    await world.set({
      dnsbl: [
        { zone: "bl.example", weight: 10 },
        { zone: "wl.example", welcome: true },
      ],
    });
    assert.equal(await world.send({ ip: listed, message: mail("not welcome") }), "250 spam-junk");
    assert.equal(await world.send({ ip: welcome, message: mail("welcome") }), "250 accepted");
    await world.set({ dnsbl: [] });
  });
});

describe("SPF, DomainKeys/DKIM", () => {
  const from = "a@spf.example";

  test("SPF", async () => {
    assert.equal(await world.send({ ip: allowed, from }), "250 accepted");
    assert.match(await world.send({ ip: clean, from }), /^250 /, "scored by default");
    await world.set({ spf: "reject" });
    assert.equal(await world.send({ ip: clean, from }), "550 spf-failed");
    assert.equal(await world.send({ ip: allowed, from }), "250 accepted");
    await world.set({ spf: "off" });
    assert.match(await world.send({ ip: clean, from }), /^250 /);
    await world.set({ spf: "score" });
  });

  test("DKIM", async () => {
    const letter = (subject: string) => mail(subject).replace("someone@foreign.example", "a@signed.example");
    const good = await world.send({
      ip: clean,
      from: "a@signed.example",
      message: signer.signed(letter("signed well")),
    });
    assert.equal(good, "250 accepted");
    assert.match((await messageIn(world, "signed well")) ?? "", /^Authentication-Results: [\s\S]*?dkim=pass/im);
    const changed = signer.signed(letter("changed")).replace("see you at noon", "see you at one");
    assert.equal(await world.send({ ip: clean, from: "a@signed.example", message: changed }), "550 dmarc-failed");
  });

  test("Accept list by SPF", async () => {
    const to = ["partner-mail@elsewhere.example"];
    await world.entry("ACCEPT", "@spf.example");
    assert.equal(
      await world.send({ ip: allowed, from, to }),
      "250 relay-spf-entry",
      "proven by SPF, an address may relay",
    );
    assert.equal(await world.send({ ip: clean, from, to }), "550 relay-sender-unproven");
  });

  test("Greylisting", async () => {
    await world.set({ greylist: 60 });
    assert.equal(await world.send({ ip: clean, from: "new@foreign.example" }), "451 greylisted");
    await world.entry("ACCEPT", "known@foreign.example");
    assert.match(await world.send({ ip: clean, from: "known@foreign.example" }), /^250 /);
    await world.set({ greylist: 0 });
    assert.equal(await world.send({ ip: clean, from: "new@foreign.example" }), "250 accepted");
  });
});

testEveryRefusal(() => world.platform);
