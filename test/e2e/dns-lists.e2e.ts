import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DnsAnswerPlan, type DnsResponder, reverseName, startDnsResponder } from "./dns-responder.ts";
import { listing, type NameServer, startNameServer, txt, type ZoneRecord } from "./name-server.ts";
import { openSession } from "./open-session.ts";
import { mail } from "./options/option-world.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { explained, outcomeOf, outcomeOfReply, referenceIn, setPolicy } from "./policy-calls.ts";
import { provisionTenant } from "./provision.ts";
import type { Reply } from "./smtp-dialogue.ts";

const hosts = ["192.0.2.20", "192.0.2.21", "192.0.2.22", "192.0.2.23", "2001:db8:25::1"];
/** Peers whose every name lies with a DNS server of one fault. */
const faulty = { slow: "192.0.2.31", servfail: "192.0.2.32", looping: "192.0.2.33" } as const;
type Fault = keyof typeof faulty;
const faults = Object.keys(faulty) as Fault[];
const answers: Readonly<Record<Fault, DnsAnswerPlan>> = { slow: "silent", servfail: "servfail", looping: "servfail" };

let responder: DnsResponder;
let dns: NameServer;
let platform: Platform;
const tenantIds = new Map<string, string>();

/** The names of a faulty peer: its reverse name, HELO name, sender domain, keys, and a list to ask. */
const namesOf = (fault: Fault) => [
  reverseName(faulty[fault]),
  `${fault}.example`,
  `helo.${fault}.example`,
  `_dmarc.${fault}.example`,
  `key._domainkey.${fault}.example`,
  `${faulty[fault].split(".").reverse().join(".")}.bl.${fault}.example`,
];

before(async () => {
  const silent = faults.filter((fault) => fault !== "looping");
  responder = await startDnsResponder(
    Object.fromEntries(silent.flatMap((fault) => namesOf(fault).map((name) => [name, answers[fault]]))),
  );
  const loops = namesOf("looping").flatMap((name): ZoneRecord[] => [
    [name, "CNAME", `a.${name}.`],
    [`a.${name}`, "CNAME", `b.${name}.`],
    [`b.${name}`, "CNAME", `${name}.`],
  ]);
  const six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.2.0.0.8.b.d.0.1.0.0.2";
  dns = await startNameServer({
    records: [
      ["client.example", "A", "198.51.100.200"],
      ["foreign.example", "MX", "10 client.example."],
      ...hosts.flatMap((ip, index): ZoneRecord[] => [
        [reverseName(ip), "PTR", `h${index}.hosts.example.`],
        [`h${index}.hosts.example`, ip.includes(":") ? "AAAA" : "A", ip],
      ]),
      listing("192.0.2.20", "bl.example"),
      [`20.2.0.192.bl.example`, "TXT", txt("listed for a test")],
      listing("192.0.2.21", "bl.example", "127.255.255.255"),
      listing("192.0.2.22", "bl.example", "203.0.113.1"),
      [`${six}.bl.example`, "A", "127.0.0.2"],
      ...loops,
    ],
    delegated: Object.fromEntries(
      silent.flatMap((fault) => [
        [`${fault}.example`, responder.address],
        [reverseName(faulty[fault]), responder.address],
      ]),
    ),
  });
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address } });
  const everything = { verifyHelo: "reject", verifySenderDomain: "reject", reverseDns: "reject", spf: "reject" };
  for (const name of ["lists", ...faults]) {
    const { id } = await provisionTenant(platform, name);
    tenantIds.set(name, id);
    const zone = name === "lists" ? "bl.example" : `bl.${name}.example`;
    const dnsbl = [{ zone, trusted: true }];
    await setPolicy(platform, { tenantId: id }, name === "lists" ? { dnsbl } : { ...everything, dnsbl });
  }
});
after(async () => {
  await platform?.stop();
  await dns?.stop();
  responder?.close();
});

const from = "someone@foreign.example";
const toLists = (ip: string) =>
  outcomeOf(platform, { proxyFrom: ip }, { from, to: ["user@lists.test"], message: mail(`from ${ip}`) });

describe("DNS lists of a real name server", () => {
  test("a listed address is refused, and explain names the list", async () => {
    const { dialogue } = await openSession({ port: platform.ports.smtp, proxyFrom: "192.0.2.20" });
    await dialogue.command(`MAIL FROM:<${from}>`);
    const reply = await dialogue.command("RCPT TO:<user@lists.test>");
    dialogue.close();
    assert.equal(await outcomeOfReply(platform, reply), "550 dns-listed");
    const line = (await explained(platform, referenceIn(reply))).trace.findLast((each) => each.setting === "dnsbl");
    assert.match(`${line?.outcome} ${line?.detail}`, /^refuse .*bl\.example/);
    assert.equal(line?.setAtScope, tenantIds.get("lists"));
  });

  test("an IPv6 address is asked for nibble by nibble", async () => {
    assert.equal(await toLists("2001:db8:25::1"), "550 dns-listed");
  });

  test("an error of the list and an answer outside 127.0.0.0/8 are no listings", async () => {
    assert.equal(await toLists("192.0.2.21"), "250 accepted");
    assert.equal(await toLists("192.0.2.22"), "250 accepted");
    assert.equal(await toLists("192.0.2.23"), "250 accepted");
  });

  test("the answer is remembered, also that there is none", async () => {
    await dns.publish(listing("192.0.2.23", "bl.example"));
    assert.equal(await toLists("192.0.2.23"), "250 accepted");
  });
});

/** One letter of a faulty peer, all of whose checks are on `reject`. */
async function faultyLetter(fault: Fault): Promise<{ readonly reply: Reply; readonly ms: number }> {
  const startedAt = performance.now();
  const { dialogue } = await openSession({
    port: platform.ports.smtp,
    proxyFrom: faulty[fault],
    helo: `helo.${fault}.example`,
  });
  await dialogue.command(`MAIL FROM:<someone@${fault}.example>`);
  let reply = await dialogue.command(`RCPT TO:<user@${fault}.test>`);
  if (reply.code === 250) {
    await dialogue.command("DATA");
    const signature = `DKIM-Signature: v=1; a=rsa-sha256; d=${fault}.example; s=key; h=from; bh=aaaa; b=bbbb`;
    const message = mail(`through ${fault}`, { headers: [signature] }).replaceAll(
      "foreign.example",
      `${fault}.example`,
    );
    reply = await dialogue.body(message);
  }
  dialogue.close();
  return { reply, ms: performance.now() - startedAt };
}

describe("DNS that fails never rejects", () => {
  for (const fault of faults)
    test(`${fault}: taken without points, within the deadlines`, { timeout: 60_000 }, async () => {
      const { reply, ms } = await faultyLetter(fault);
      assert.equal(await outcomeOfReply(platform, reply), "250 accepted", reply.text);
      assert.ok(ms < 25_000, `${Math.round(ms)} ms`);
      const { trace } = await explained(platform, referenceIn(reply));
      assert.ok(!trace.some((line) => line.outcome === "refuse"), JSON.stringify(trace));
    });
});
