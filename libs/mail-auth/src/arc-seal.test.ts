import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { describe, test } from "node:test";
import { sealArc } from "./arc-seal.ts";
import { authenticated, type FakeName, plainMessage, signed, testKeys } from "./auth-test-world.ts";
import { makeSealKey, sealKeyRecord } from "./seal-key.ts";

const senderZone: Record<string, FakeName> = {
  "s1._domainkey.sender.test": { TXT: [testKeys.rsa.record] },
  "_dmarc.sender.test": { TXT: ["v=DMARC1; p=reject"] },
};
const sealKey = await makeSealKey();

function sealerZone(domain: string): Record<string, FakeName> {
  const record = sealKeyRecord({ selector: "arc", domain, publicKey: sealKey.publicKey });
  return { [record.name]: { TXT: [record.value] } };
}

/** The message as `domain` sends it on. */
async function forwarded(message: string, zone: Record<string, FakeName>, domain: string): Promise<string> {
  const results = await authenticated(message, zone);
  const sealing = await sealArc({
    message: Buffer.from(message),
    results,
    hostname: `mx.${domain}`,
    key: sealKey.privateKeyPem,
    selector: "arc",
    domain,
  });
  if (sealing.status === "refused") throw new Error(`${sealing.code}: ${sealing.detail}`);
  return sealing.headers + message;
}

describe("ARC", () => {
  const zone = { ...senderZone, ...sealerZone("one.test"), ...sealerZone("two.test") };

  test("a sealed message passes elsewhere, with the sealer's claims; a second seal continues the chain", async () => {
    const once = await forwarded(await signed(plainMessage()), zone, "one.test");
    const first = (await authenticated(once, zone)).arc;
    assert.equal(first.result, "pass");
    assert.deepEqual(first.chain, [{ instance: 1, domain: "one.test", selector: "arc" }]);
    assert.deepEqual(first.newestClaims, { authservId: "mx.one.test", spf: "none", dmarc: "pass" });
    const twice = await forwarded(once, zone, "two.test");
    const second = (await authenticated(twice, zone)).arc;
    assert.equal(second.result, "pass");
    assert.deepEqual(
      second.chain.map((set) => set.domain),
      ["one.test", "two.test"],
    );
  });

  test("a changed message, a changed older set and a missing set break the chain", async () => {
    const once = await forwarded(await signed(plainMessage()), zone, "one.test");
    assert.equal((await authenticated(once.replace("Hello.", "Hullo."), zone)).arc.result, "fail");
    const twice = await forwarded(once, zone, "two.test");
    assert.equal((await authenticated(twice.replace("mx.one.test", "mx.won.test"), zone)).arc.result, "fail");
    const torn = twice.replace(/ARC-Seal: i=1;[\s\S]*?\r\n(?=\S)/, "");
    assert.notEqual(torn, twice);
    assert.equal((await authenticated(torn, zone)).arc.result, "fail");
  });

  test("a key that cannot be looked up is temperror, and nothing is sealed on top of the unknown", async () => {
    const once = await forwarded(await signed(plainMessage()), zone, "one.test");
    const blind = await authenticated(once, { ...zone, "arc._domainkey.one.test": "servfail" });
    assert.equal(blind.arc.result, "temperror");
    const sealing = await sealArc({
      message: Buffer.from(once),
      results: blind,
      hostname: "mx.two.test",
      key: sealKey.privateKeyPem,
      selector: "arc",
      domain: "two.test",
    });
    assert.deepEqual([sealing.status, sealing.status === "refused" && sealing.code], ["refused", "unknown-chain"]);
    const gone = await authenticated(once, senderZone);
    assert.equal(gone.arc.result, "fail");
  });

  test("a broken chain is sealed once as failed, and then never again", async () => {
    const once = (await forwarded(await signed(plainMessage()), zone, "one.test")).replace("Hello.", "Hullo.");
    const marked = await forwarded(once, zone, "two.test");
    assert.match(marked, /cv=fail/);
    await assert.rejects(forwarded(marked, zone, "one.test"), /^Error: chain-failed/);
  });

  test("a key that does not sign is a refusal", async () => {
    const message = plainMessage();
    const results = await authenticated(message, zone);
    const options = { message: Buffer.from(message), results, hostname: "mx.one.test", selector: "arc" };
    const sealing = await sealArc({ ...options, key: "no key", domain: "one.test" });
    assert.deepEqual([sealing.status, sealing.status === "refused" && sealing.code], ["refused", "key"]);
  });

  test("the key record is cut into strings that DNS takes", () => {
    const record = sealKeyRecord({ selector: "arc", domain: "one.test", publicKey: sealKey.publicKey });
    assert.equal(record.name, "arc._domainkey.one.test");
    assert.equal(record.strings.join(""), record.value);
    assert.ok(record.strings.length > 1 && record.strings.every((part) => part.length <= 255));
    const key = createPublicKey({ key: Buffer.from(sealKey.publicKey, "base64"), format: "der", type: "spki" });
    assert.equal(key.asymmetricKeyDetails?.modulusLength, 2048);
  });
});
