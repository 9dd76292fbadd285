import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FakeName, fakeResolver } from "./auth-test-world.ts";
import { addressOfReverseName } from "./bounded-dns.ts";
import { checkSpf, type SpfInput } from "./check-spf.ts";

const session = { ip: "192.0.2.1", helo: "mail.sender.test", mailFrom: "a@sender.test", hostname: "mx.demo.test" };

function spfOf(zone: Readonly<Record<string, FakeName>>, more: Partial<SpfInput> = {}) {
  return checkSpf({ ...session, deadlineMs: 2_000, ...more, resolver: fakeResolver(zone) });
}

const txt = (...records: string[]): FakeName => ({ TXT: records });

describe("SPF", () => {
  test("pass, fail, softfail, neutral and none, case of the domain aside", async () => {
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 ip4:192.0.2.0/24 -all") })).result, "pass");
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 ip4:198.51.100.1 -all") })).result, "fail");
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 ~all") })).result, "softfail");
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 ?all") })).result, "neutral");
    assert.equal((await spfOf({ "sender.test": txt("unrelated") })).result, "none");
    assert.equal((await spfOf({})).result, "none");
    const upper = await spfOf({ "sender.test": txt("v=spf1 +all") }, { mailFrom: "a@SENDER.test" });
    assert.deepEqual([upper.result, upper.domain, upper.identity], ["pass", "sender.test", "mailfrom"]);
  });

  test("the null reverse-path is checked by HELO; a literal or single label has no record", async () => {
    const helo = await spfOf({ "mail.sender.test": txt("v=spf1 a -all") }, { mailFrom: "" });
    assert.deepEqual([helo.result, helo.identity, helo.domain], ["fail", "helo", "mail.sender.test"]);
    for (const name of ["[192.0.2.1]", "localhost", ""])
      assert.equal((await spfOf({}, { mailFrom: "", helo: name })).result, "none");
  });

  test("a, mx and include of an IPv6 client", async () => {
    const zone = {
      "sender.test": txt("v=spf1 include:inner.test -all"),
      "inner.test": { TXT: ["v=spf1 mx -all"], MX: ["10 host.test"] },
      "host.test": { AAAA: ["2001:db8::5"], A: ["192.0.2.1"] },
    };
    assert.equal((await spfOf(zone, { ip: "2001:db8::5" })).result, "pass");
    assert.equal((await spfOf(zone, { ip: "2001:db8::6" })).result, "fail");
  });

  test("include loops and more than ten look-ups are permerror (RFC 7208 section 4.6.4)", async () => {
    const loop = { "sender.test": txt("v=spf1 include:b.test -all"), "b.test": txt("v=spf1 include:sender.test -all") };
    assert.equal((await spfOf(loop)).result, "permerror");
    const many = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`h${i}.test`, { A: ["203.0.113.1"] }] as const),
    );
    const terms = (count: number) =>
      txt(`v=spf1 ${Array.from({ length: count }, (_, i) => `a:h${i}.test`).join(" ")} -all`);
    assert.equal((await spfOf({ ...many, "sender.test": terms(10) })).result, "fail");
    assert.equal((await spfOf({ ...many, "sender.test": terms(11) })).result, "permerror");
  });

  test("two records and a syntax error are permerror", async () => {
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 -all", "v=spf1 +all") })).result, "permerror");
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 ipv4:192.0.2.1 -all") })).result, "permerror");
  });

  test("a failed look-up is temperror at any depth, ptr included, and never fail", async () => {
    assert.equal((await spfOf({ "sender.test": "servfail" })).result, "temperror");
    for (const term of ["include:x.test", "a:x.test", "mx:x.test", "exists:x.test", "redirect=x.test"]) {
      const record = term.startsWith("redirect") ? `v=spf1 ${term}` : `v=spf1 ${term} -all`;
      assert.equal((await spfOf({ "sender.test": txt(record), "x.test": "servfail" })).result, "temperror", term);
    }
    const ptr = { "sender.test": txt("v=spf1 ptr -all"), "192.0.2.1": "servfail" } as const;
    assert.equal((await spfOf(ptr)).result, "temperror");
    const named = { "sender.test": txt("v=spf1 ptr -all"), "192.0.2.1": { PTR: ["h.sender.test"] } };
    assert.equal((await spfOf({ ...named, "h.sender.test": { A: ["192.0.2.1"] } })).result, "pass");
    assert.equal((await spfOf({ ...named, "h.sender.test": { A: ["192.0.2.9"] } })).result, "fail");
  });

  test("an answer that never comes ends with the deadline", async () => {
    const started = performance.now();
    const check = await spfOf({ "sender.test": "silent" }, { deadlineMs: 80 });
    assert.equal(check.result, "temperror");
    assert.ok(performance.now() - started < 1_000);
  });

  test("the explanation of a refusal is one line of plain text", async () => {
    const zone = {
      "sender.test": txt("v=spf1 -all exp=why.sender.test"),
      "why.sender.test": txt("%{i} is not one of ours"),
    };
    assert.equal((await spfOf(zone)).explanation, "192.0.2.1 is not one of ours");
    assert.equal((await spfOf({ "sender.test": txt("v=spf1 +all exp=why.sender.test") })).explanation, undefined);
  });

  test("names of PTR records are read back", () => {
    assert.equal(addressOfReverseName("7.2.0.192.in-addr.arpa"), "192.0.2.7");
    const v6 = `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`;
    assert.equal(addressOfReverseName(v6), "2001:0db8:0000:0000:0000:0000:0000:0001");
    assert.equal(addressOfReverseName("example.test"), undefined);
  });
});
