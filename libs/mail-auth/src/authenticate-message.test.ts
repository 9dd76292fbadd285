import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { authenticated, plainMessage, signed, testKeys } from "./auth-test-world.ts";

const keyName = "s1._domainkey.sender.test";
const rsa = { [keyName]: { TXT: [testKeys.rsa.record] } };
const only = <T>(list: readonly T[]): T => {
  assert.equal(list.length, 1);
  return list[0] as T;
};

describe("DKIM", () => {
  test("rsa and ed25519 signatures pass and are described", async () => {
    const check = only((await authenticated(await signed(plainMessage()), rsa)).dkim);
    assert.deepEqual(
      [check.result, check.domain, check.selector, check.algorithm, check.aligned],
      ["pass", "sender.test", "s1", "rsa-sha256", true],
    );
    const message = await signed(plainMessage(), { key: testKeys.ed25519 });
    const zone = { [keyName]: { TXT: [testKeys.ed25519.record] } };
    assert.equal(only((await authenticated(message, zone)).dkim).result, "pass");
  });

  test("a changed body or header fails", async () => {
    const message = await signed(plainMessage());
    const body = only((await authenticated(message.replace("Hello.", "Hullo."), rsa)).dkim);
    const subject = only((await authenticated(message.replace("Subject: Hi", "Subject: Ho"), rsa)).dkim);
    assert.deepEqual([body.result, subject.result], ["fail", "fail"]);
  });

  test("an l= that leaves octets unsigned is policy, and does not count for DMARC", async () => {
    const message = await signed(plainMessage(), { maxBodyLength: 8 });
    const zone = { ...rsa, "_dmarc.sender.test": { TXT: ["v=DMARC1; p=reject"] } };
    const whole = await authenticated(message, zone);
    assert.deepEqual([only(whole.dkim).result, whole.dmarc.result], ["pass", "pass"]);
    const longer = await authenticated(`${message}Buy this.\r\n`, zone);
    assert.deepEqual([only(longer.dkim).result, longer.dmarc.result], ["policy", "fail"]);
    assert.equal(only(longer.dkim).unsignedBodyBytes, 11);
    assert.equal(only(longer.dkim).aligned, true);
  });

  test("expired, keyless, revoked, short-keyed and rsa-sha1 signatures do not pass and do not fail", async () => {
    const past = { signTime: new Date(Date.now() - 90_000_000), expires: new Date(Date.now() - 80_000_000) };
    assert.equal(only((await authenticated(await signed(plainMessage(), past), rsa)).dkim).result, "neutral");
    const message = await signed(plainMessage());
    assert.equal(only((await authenticated(message, {})).dkim).result, "neutral");
    const revoked = { [keyName]: { TXT: ["v=DKIM1; p="] } };
    assert.equal(only((await authenticated(message, revoked)).dkim).result, "neutral");
    const short = await signed(plainMessage(), { key: testKeys.short });
    const shortZone = { [keyName]: { TXT: [testKeys.short.record] } };
    assert.equal(only((await authenticated(short, shortZone)).dkim).result, "policy");
    const sha1 = await signed(plainMessage(), { algorithm: "rsa-sha1" });
    assert.equal(only((await authenticated(sha1, rsa)).dkim).result, "policy");
  });

  test("a key that cannot be looked up is temperror", async () => {
    const message = await signed(plainMessage());
    assert.equal(only((await authenticated(message, { [keyName]: "servfail" })).dkim).result, "temperror");
    const silent = await authenticated(message, { [keyName]: "silent" }, { deadlineMs: 100 });
    assert.equal(only(silent.dkim).result, "temperror");
  });

  test("of many signatures ten are verified, the author's among them", async () => {
    const padding = Array.from(
      { length: 40 },
      (_, i) => `DKIM-Signature: v=1; a=rsa-sha256; d=x${i}.test; s=s; h=from; bh=aaaa; b=bbbb\r\n`,
    ).join("");
    const message = padding + (await signed(plainMessage()));
    const found = await authenticated(message, { ...rsa, "_dmarc.sender.test": { TXT: ["v=DMARC1; p=reject"] } });
    assert.deepEqual([found.dkim.length, found.dkimNotChecked, found.dmarc.result], [10, 31, "pass"]);
    assert.equal(found.dkim.filter((check) => check.result === "pass").length, 1);
  });

  test("a header beyond the caps is answered at once, without a pass", async () => {
    const message = `X: a\r\n${" \r\n".repeat(20_000)}${await signed(plainMessage())}`;
    const started = performance.now();
    const found = await authenticated(message, rsa);
    assert.deepEqual([found.dkim, found.dmarc.result, found.arc.result], [[], "permerror", "fail"]);
    assert.ok(performance.now() - started < 500);
  });

  test("a broken message has values too", async () => {
    for (const message of ["", "\r\n", "no colon at all", "DKIM-Signature: ;;;=\r\n\r\n", "\0".repeat(4_000)]) {
      const found = await authenticated(message, {});
      assert.equal(found.dmarc.result, "permerror", JSON.stringify(message.slice(0, 20)));
    }
  });
});

describe("DMARC", () => {
  const spfPass = { "sender.test": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] } };
  const dmarc = (record: string, at = "sender.test") => ({ [`_dmarc.${at}`]: { TXT: [record] } });

  test("SPF or DKIM alone is enough; neither is fail with the policy asked for", async () => {
    const bySpf = await authenticated(plainMessage(), { ...spfPass, ...dmarc("v=DMARC1; p=reject") });
    assert.deepEqual(
      [bySpf.dmarc.result, bySpf.dmarc.alignment.spf, bySpf.dmarc.alignment.dkim],
      ["pass", true, false],
    );
    const message = await signed(plainMessage());
    const byDkim = await authenticated(
      message,
      { ...rsa, ...dmarc("v=DMARC1; p=reject") },
      { mailFrom: "x@other.test" },
    );
    assert.deepEqual([byDkim.dmarc.result, byDkim.dmarc.alignment.dkim], ["pass", true]);
    const neither = await authenticated(plainMessage(), dmarc("v=DMARC1; p=quarantine"));
    assert.deepEqual([neither.dmarc.result, neither.dmarc.policy], ["fail", "quarantine"]);
  });

  test("alignment: relaxed takes a subdomain of one organisation, strict does not", async () => {
    const message = await signed(plainMessage("news.sender.test"));
    const relaxed = await authenticated(message, { ...rsa, ...dmarc("v=DMARC1; p=reject") });
    assert.deepEqual([relaxed.dmarc.result, only(relaxed.dkim).aligned], ["pass", true]);
    const strict = await authenticated(message, { ...rsa, ...dmarc("v=DMARC1; p=reject; adkim=s; aspf=s") });
    assert.deepEqual(
      [strict.dmarc.result, only(strict.dkim).result, only(strict.dkim).aligned],
      ["fail", "pass", false],
    );
    const spfStrict = await authenticated(plainMessage("news.sender.test"), {
      ...spfPass,
      ...dmarc("v=DMARC1; p=reject; aspf=s"),
    });
    assert.equal(spfStrict.dmarc.result, "fail");
  });

  test("a stranger's pass is not alignment", async () => {
    const message = await signed(plainMessage("bank.test"));
    const found = await authenticated(message, { ...rsa, ...spfPass, ...dmarc("v=DMARC1; p=reject", "bank.test") });
    assert.deepEqual([found.spf.result, only(found.dkim).result, found.dmarc.result], ["pass", "pass", "fail"]);
  });

  test("subdomains get sp=, those that do not exist np=, and t=y softens", async () => {
    const message = plainMessage("a.sender.test");
    const record = "v=DMARC1; p=reject; sp=quarantine; np=none";
    const exists = { "a.sender.test": { MX: ["10 x.test"] } };
    assert.equal((await authenticated(message, { ...dmarc(record), ...exists })).dmarc.policy, "quarantine");
    assert.equal((await authenticated(message, dmarc(record))).dmarc.policy, "none");
    const test = await authenticated(plainMessage(), dmarc("v=DMARC1; p=reject; t=y"));
    assert.equal(test.dmarc.policy, "quarantine");
    assert.equal((await authenticated(message, dmarc(record))).dmarc.policyDomain, "sender.test");
  });

  test("no record is none; a record that cannot be looked up is temperror", async () => {
    assert.equal((await authenticated(plainMessage(), spfPass)).dmarc.result, "none");
    assert.equal((await authenticated(plainMessage(), { "_dmarc.sender.test": "servfail" })).dmarc.result, "temperror");
  });

  test("SERVFAIL of SPF or of a key that would align is temperror, of an unrelated one still fail", async () => {
    const policy = dmarc("v=DMARC1; p=reject");
    const spf = await authenticated(plainMessage(), { ...policy, "sender.test": "servfail" });
    assert.deepEqual([spf.spf.result, spf.dmarc.result], ["temperror", "temperror"]);
    const message = await signed(plainMessage());
    assert.equal((await authenticated(message, { ...policy, [keyName]: "servfail" })).dmarc.result, "temperror");
    const other = await signed(plainMessage(), { domain: "other.test" });
    const unrelated = await authenticated(other, { ...policy, "s1._domainkey.other.test": "servfail" });
    assert.deepEqual([only(unrelated.dkim).result, unrelated.dmarc.result], ["temperror", "fail"]);
  });

  test("a stranger's name that hangs does not use up the time of the DMARC look-up", async () => {
    const message = await signed(plainMessage(), { domain: "evil.test" });
    const zone = {
      "s1._domainkey.evil.test": "silent",
      "mail.evil.test": "silent",
      ...dmarc("v=DMARC1; p=reject"),
    } as const;
    const found = await authenticated(message, zone, { mailFrom: "x@mail.evil.test", deadlineMs: 300 });
    assert.deepEqual([found.spf.result, only(found.dkim).result], ["temperror", "temperror"]);
    assert.deepEqual([found.dmarc.result, found.dmarc.policy], ["fail", "reject"]);
  });

  test("two From fields, two From domains or none are permerror", async () => {
    const zone = { ...spfPass, ...dmarc("v=DMARC1; p=reject") };
    const twice = `From: eve@evil.test\r\n${plainMessage()}`;
    assert.equal((await authenticated(twice, zone)).dmarc.result, "permerror");
    const two = plainMessage().replace("Alice <alice@sender.test>", "alice@sender.test, eve@evil.test");
    assert.equal((await authenticated(two, zone)).dmarc.result, "permerror");
    const bare = plainMessage().replace("Alice <alice@sender.test>", "<sender.test>ceo@bank.test");
    assert.equal((await authenticated(bare, zone)).dmarc.result, "permerror");
    const none = plainMessage().replace(/From: .*\r\n/, "");
    assert.deepEqual((await authenticated(none, zone)).dmarc.result, "permerror");
  });
});
