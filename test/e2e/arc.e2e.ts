import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createDnsResolver } from "@mailfold/dns";
import { authenticateMessage } from "@mailfold/mail-auth";
import { makeDkimSigner } from "./dkim-signer.ts";
import { txt } from "./name-server.ts";
import { mail, messageIn, type OptionWorld, startOptionWorld } from "./options/option-world.ts";
import { platformEnv, runMailfold } from "./platform.ts";

/** The sender's own server, in its SPF record. */
const own = "192.0.2.10";
const signer = makeDkimSigner("foreign.example");

interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly zoneLine: string;
}
interface ArcVerdict {
  readonly verdict: string;
  readonly chain: readonly { readonly instance: number; readonly sealer: string; readonly chain: string }[];
  readonly reason: string;
}

/** What dkimpy, which shares no line with us, says of a message. `records`: TXT by name. */
function dkimpy(message: string, records: Readonly<Record<string, string>>): Promise<ArcVerdict> {
  const script = fileURLToPath(new URL("verify-arc.py", import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn("/usr/bin/python3", [script], { stdio: ["pipe", "pipe", "pipe"], timeout: 20_000 });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(JSON.parse(out) as ArcVerdict) : reject(new Error(err))));
    child.stdin.end(JSON.stringify({ message, txt: records }));
  });
}

describe("mail that a rule sends on is sealed (RFC 8617)", () => {
  let world: OptionWorld;
  let record: DnsRecord;
  before(async () => {
    world = await startOptionWorld({
      records: [
        ["foreign.example", "TXT", txt(`v=spf1 ip4:${own} -all`)],
        ["_dmarc.foreign.example", "TXT", txt("v=DMARC1; p=reject")],
        [signer.recordName, "TXT", txt(signer.record)],
      ],
    });
    await world.set({ reverseDns: "off" });
  });
  after(() => world?.stop());

  const cli = (...args: readonly string[]) =>
    runMailfold(args, platformEnv(world.platform.dataDir, { MAILFOLD_DNS: world.dns.address }));
  const redirect = (mailboxId: string, to: readonly string[], actions: readonly unknown[] = []) =>
    world.set({ rules: [{ name: "on", all: [], actions: [...actions, { do: "redirect", to }] }] }, { mailboxId });
  const ann = () => world.acme.mailboxes[1] ?? assert.fail("no second mailbox");
  /** As the world outside has it. */
  const arrived = async (to: string) => {
    const { message, from } = await world.sink.letterTo(to);
    return { message: `${message}\r\n`, from };
  };
  const judged = (message: string, mailFrom: string) =>
    authenticateMessage({
      ip: "203.0.113.5",
      helo: "mx.mailfold.test",
      mailFrom,
      hostname: "mx.elsewhere.example",
      message: Buffer.from(message, "latin1"),
      deadlineMs: 10_000,
      resolver: createDnsResolver({ server: world.dns.address }),
    });

  test("the operator sees the record to publish, and whether it is", async () => {
    const data = await world.platform.graphql<{ sealRecord: DnsRecord }>("{ sealRecord { name type value zoneLine } }");
    record = data.sealRecord;
    assert.match(record.name, /^arc-\d{6}\._domainkey\.mx\.mailfold\.test$/);
    assert.match(record.value, /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/=]{300,}$/);
    const status = JSON.parse((await cli("status", "--json")).stdout) as { readonly sealRecord: DnsRecord };
    assert.deepEqual([status.sealRecord.name, status.sealRecord.value], [record.name, record.value]);
    type Finding = { readonly check: string; readonly result: string; readonly detail: string };
    const sealKey = async (): Promise<Finding> => {
      const findings = JSON.parse((await cli("doctor", "--json")).stdout) as readonly Finding[];
      return findings.find(({ check }) => check === "seal key") ?? assert.fail("doctor does not look at the seal key");
    };
    const missing = await sealKey();
    assert.deepEqual([missing.result, missing.detail.endsWith(record.zoneLine)], ["warning", true], missing.detail);
    assert.match(missing.detail, /is missing/);
    // What doctor says is a line of a zone file: publish it as it stands.
    const line = /^(\S+)\. IN TXT (\(.*\))$/.exec(record.zoneLine) ?? assert.fail(record.zoneLine);
    await world.dns.publish([line[1] ?? "", "TXT", line[2] ?? ""]);
    assert.equal((await sealKey()).result, "ok");
  });

  test("redirected by a rule, the seal passes with dkimpy and with us; what we saw is in it", async () => {
    await redirect(world.user.id, ["friend@far.example"]);
    assert.equal(await world.send({ ip: own, message: signer.signed(mail("to be sealed")) }), "250 accepted");
    const { message, from } = await arrived("friend@far.example");
    assert.match(from, /^SRS0=.*=foreign\.example=someone@acme\.test$/);
    const theirs = await dkimpy(message, { [record.name]: record.value });
    assert.deepEqual(
      [theirs.verdict, theirs.chain.map(({ instance, sealer, chain }) => [instance, sealer, chain])],
      ["pass", [[1, "mx.mailfold.test", "none"]]],
      theirs.reason,
    );
    const ours = await judged(message, from);
    assert.equal(ours.arc.result, "pass", ours.arc.detail);
    assert.match(message, /^ARC-Authentication-Results: i=1; mx\.mailfold\.test;[\s\S]*?spf=pass[\s\S]*?dmarc=pass/m);
    assert.equal(await messageIn(world, "to be sealed"), undefined, "no copy is kept");
  });

  test("another octet, or another key in DNS, and the seal is broken", async () => {
    const { message } = await arrived("friend@far.example");
    const tampered = message.replace("see you at noon", "see you at moon");
    assert.notEqual(tampered, message);
    assert.equal((await dkimpy(tampered, { [record.name]: record.value })).verdict, "fail");
    assert.equal((await dkimpy(message, { [record.name]: signer.record })).verdict, "fail");
  });

  test("a chain that comes back to us is gone on with", async () => {
    await redirect(ann().id, ["third@far.example"]);
    const { message, from } = await arrived("friend@far.example");
    // The friend's server sends it to ann: its address is in nobody's SPF record, but our own seal is on it.
    await world.set({ trustedSealers: ["mx.mailfold.test"] });
    assert.equal(await world.send({ ip: "192.0.2.77", from, to: [ann().address], message }), "250 accepted");
    const again = await arrived("third@far.example");
    const theirs = await dkimpy(again.message, { [record.name]: record.value });
    assert.deepEqual(
      [theirs.verdict, theirs.chain.map(({ instance, chain }) => `${instance} ${chain}`).sort()],
      ["pass", ["1 none", "2 pass"]],
      theirs.reason,
    );
  });

  test("a tagged copy is sealed as it leaves: its own signature is broken, what we saw stands", async () => {
    await redirect(world.user.id, ["tagged@far.example"], [{ do: "tag", text: "[on]" }]);
    assert.equal(await world.send({ ip: own, message: signer.signed(mail("to be tagged")) }), "250 accepted");
    const { message } = await arrived("tagged@far.example");
    assert.match(message, /^Subject: \[on\] to be tagged\r$/m);
    const theirs = await dkimpy(message, { [record.name]: record.value });
    assert.equal(theirs.verdict, "pass", theirs.reason);
    const ours = await judged(message, "");
    assert.deepEqual([ours.dkim.map(({ result }) => result), ours.arc.result], [["fail"], "pass"]);
  });
});
