import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeDkimSigner } from "./dkim-signer.ts";
import { reverseName } from "./dns-responder.ts";
import { txt, type ZoneRecord } from "./name-server.ts";
import { mail, messageIn, type OptionWorld, startOptionWorld } from "./options/option-world.ts";
import { mutate } from "./provision.ts";

/** In the SPF records of all the domains below. */
const own = "192.0.2.10";
/** Some other server: a forwarder, or a forger. */
const other = "198.51.100.10";
const policies = { strict: "reject", soft: "quarantine", lax: "none" } as const;
type Kind = keyof typeof policies;
const kinds = Object.keys(policies) as Kind[];
const signers = Object.fromEntries(kinds.map((kind) => [kind, makeDkimSigner(`${kind}.example`)])) as Record<
  Kind,
  ReturnType<typeof makeDkimSigner>
>;

const records: readonly ZoneRecord[] = [
  ...[own, other].flatMap((ip): ZoneRecord[] => [
    [reverseName(ip), "PTR", `${ip.replaceAll(".", "-")}.hosts.example.`],
    [`${ip.replaceAll(".", "-")}.hosts.example`, "A", ip],
  ]),
  ...kinds.flatMap((kind): ZoneRecord[] => [
    [`${kind}.example`, "MX", "10 client.example."],
    [`${kind}.example`, "TXT", txt(`v=spf1 ip4:${own} -all`)],
    [`_dmarc.${kind}.example`, "TXT", txt(`v=DMARC1; p=${policies[kind]}`)],
    [signers[kind].recordName, "TXT", txt(signers[kind].record)],
  ]),
];

let world: OptionWorld;
before(async () => {
  world = await startOptionWorld({ records });
});
after(() => world?.stop());

const letter = (kind: Kind, subject: string, headers: readonly string[] = []) =>
  mail(subject, { headers }).replaceAll("someone@foreign.example", `someone@${kind}.example`);
const send = (kind: Kind, ip: string, message: string) => world.send({ ip, from: `someone@${kind}.example`, message });
/** Our own Authentication-Results of a message taken. */
async function results(subject: string, folder = "INBOX"): Promise<string> {
  const text = (await messageIn(world, subject, folder)) ?? "";
  const fields = text.match(/^Authentication-Results: mx\.mailfold\.test;.*(?:\r\n[ \t].*)*/gim) ?? [];
  assert.equal(fields.length, 1, text.slice(0, 2_000));
  return (fields[0] ?? "").replace(/\s+/g, " ");
}

describe("message authentication against a real name server", () => {
  test("SPF: pass and fail are said in Authentication-Results, and fail counts", async () => {
    assert.equal(await send("lax", own, letter("lax", "by the owner")), "250 accepted");
    assert.match(await results("by the owner"), /; spf=pass smtp\.mailfrom=lax\.example;.*dmarc=pass/);
    const forged = await send("lax", other, letter("lax", "by a stranger"));
    assert.equal(forged, "250 spam-junk", "3 points for SPF and 2 for DMARC");
    assert.match(await results("by a stranger", "Junk"), /; spf=fail smtp\.mailfrom=lax\.example;.*dmarc=fail/);
  });

  test("DKIM: signed mail passes DMARC whoever forwards it", async () => {
    for (const kind of kinds) {
      const answer = await send(kind, other, signers[kind].signed(letter(kind, `forwarded ${kind}`)));
      assert.equal(answer, "250 accepted", kind);
      const said = await results(`forwarded ${kind}`);
      assert.match(said, new RegExp(`spf=fail .*dkim=pass header\\.d=${kind}\\.example .*dmarc=pass`), said);
    }
  });

  test("DMARC: a forged From is refused, goes to Junk, or scores, as the domain's owner asks", async () => {
    assert.equal(await send("strict", other, letter("strict", "forged strict")), "550 dmarc-failed");
    assert.equal(await send("soft", other, letter("soft", "forged soft")), "250 dmarc-quarantine");
    assert.match(await results("forged soft", "Junk"), /dmarc=fail/);
    const aligned = await world.send({ ip: other, from: "x@foreign.example", message: letter("lax", "forged lax") });
    assert.equal(aligned, "250 accepted", "2 points alone are not enough");
  });

  test("DMARC: a changed message is refused although it carries a signature", async () => {
    const message = signers.strict.signed(letter("strict", "changed")).replace("see you at noon", "see you at one");
    assert.equal(await send("strict", other, message), "550 dmarc-failed");
  });

  test("DMARC by setting: `score` and `off` of a tenant", async () => {
    await world.set({ dmarc: "score" });
    assert.equal(await send("strict", other, letter("strict", "scored")), "250 spam-junk");
    await world.set({ dmarc: "off", spf: "off" });
    assert.equal(await send("strict", other, letter("strict", "off")), "250 accepted");
    await world.set({ dmarc: "honour", spf: "score" });
    assert.equal(await send("strict", other, letter("strict", "honoured")), "550 dmarc-failed");
  });

  test("foreign results under our name are removed, those of others stay, nothing else is touched", async () => {
    const claims = [
      "Authentication-Results: mx.mailfold.test; spf=pass smtp.mailfrom=forged.example; dmarc=pass",
      "Authentication-Results: other.example; spf=neutral",
      "X-Untouched:   two  blanks",
    ];
    assert.equal(await send("lax", own, letter("lax", "claims", claims)), "250 accepted");
    const text = (await messageIn(world, "claims")) ?? "";
    assert.doesNotMatch(text, /forged\.example/);
    assert.match(text, /^Authentication-Results: other\.example; spf=neutral\r\nX-Untouched: {3}two {2}blanks\r$/m);
    assert.match(await results("claims"), /spf=pass smtp\.mailfrom=lax\.example/);
  });

  test("an accept entry by domain does not let a forger in", async () => {
    const entryId = await world.entry("ACCEPT", "@strict.example");
    assert.equal(await send("strict", own, letter("strict", "listed and true")), "250 accept-listed");
    assert.equal(await send("strict", other, letter("strict", "listed and forged")), "550 dmarc-failed");
    await mutate(world.platform, "senderEntryRemove", "entry { id }", { entryId });
  });

  test("a key that changes in DNS is seen", async () => {
    const fresh = makeDkimSigner("strict.example", "fresh");
    const message = (subject: string) => fresh.signed(letter("strict", subject));
    assert.equal(await send("strict", other, message("unpublished key")), "550 dmarc-failed");
    await world.dns.publish([fresh.recordName, "TXT", txt(fresh.record)]);
    assert.equal(await send("strict", other, message("published key")), "250 accepted");
  });
});
