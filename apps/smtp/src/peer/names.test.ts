import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Directory } from "@mailfold/projection-directory";
import { confirmedHost } from "../confirmed-host.ts";
import { fakeDns } from "../testing/fake-dns.ts";
import { heloNameFact } from "./helo-name.ts";
import { senderDomainFact } from "./sender-domain.ts";
import { boundedResolver, TimeBudget } from "./time-budget.ts";

const ip = "192.0.2.10";
const loop = { "a.test": { CNAME: "b.test" }, "b.test": { CNAME: "a.test" } };

describe("the name given with HELO", () => {
  const cases = [
    ["an address is enough", "mail.ext.test", { "mail.ext.test": { A: [ip] } }, "found"],
    ["so is an IPv6 address", "mail.ext.test", { "mail.ext.test": { A: ["2001:db8::1"] } }, "found"],
    ["so is an MX", "ext.test", { "ext.test": { MX: ["10 mail.ext.test"] } }, "found"],
    ["a null MX is none", "ext.test", { "ext.test": { MX: ["0 "] } }, "missing"],
    ["no such name", "no.ext.test", {}, "missing"],
    ["a name without records", "ext.test", { "ext.test": { TXT: ["x"] } }, "missing"],
    ["SERVFAIL proves nothing", "ext.test", { "ext.test": "servfail" }, "failed"],
    ["nor does a circle of aliases", "a.test", loop, "failed"],
    ["one label", "localhost", {}, "missing"],
    ["the peer's own literal", "[192.0.2.10]", {}, "literal"],
    ["another's literal", "[192.0.2.11]", {}, "malformed"],
    ["a bare number", "192.0.2.10", {}, "malformed"],
    ["no name at all", "-ext-.test", {}, "malformed"],
  ] as const;
  for (const [name, helo, zone, status] of cases) {
    test(name, async () => assert.equal((await heloNameFact(fakeDns(zone), helo, ip)).status, status));
  }
  test("an IPv6 peer's literal", async () => {
    assert.equal((await heloNameFact(fakeDns({}), "[ipv6:2001:db8:0::1]", "2001:db8::1")).status, "literal");
  });
});

describe("the domain of MAIL FROM", () => {
  const cases = [
    ["MX", "ext.test", { "ext.test": { MX: ["10 mail.ext.test"] } }, "found"],
    ["address only", "ext.test", { "ext.test": { A: [ip] } }, "found"],
    ["null MX, though it has an address", "ext.test", { "ext.test": { MX: ["0 ."], A: [ip] } }, "nullMx"],
    ["no such name", "no.test.test", {}, "missing"],
    ["nothing for mail", "ext.test", { "ext.test": { TXT: ["x"] } }, "missing"],
    ["SERVFAIL", "ext.test", { "ext.test": "servfail" }, "failed"],
    ["aliases in a circle", "a.test", loop, "failed"],
    ["one label", "localhost", {}, "missing"],
    ["a literal", "[192.0.2.10]", {}, "literal"],
  ] as const;
  for (const [name, domain, zone, status] of cases) {
    test(name, async () => assert.equal((await senderDomainFact(fakeDns(zone), domain)).status, status));
  }
});

describe("the confirmed host", () => {
  const reverse = "10.2.0.192.in-addr.arpa";
  const directory = { domainByName: () => undefined } as unknown as Directory;
  const cases = [
    ["confirmed", { [reverse]: { PTR: ["Mail.Ext.Test."] }, "mail.ext.test": { A: [ip] } }, "confirmed"],
    [
      "an alias of a reverse zone (RFC 2317)",
      { [reverse]: { CNAME: "10.x" }, "10.x": { PTR: ["m.test"] } },
      "mismatch",
    ],
    ["none", {}, "none"],
    ["a name that leads elsewhere", { [reverse]: { PTR: ["m.test"] }, "m.test": { A: ["192.0.2.1"] } }, "mismatch"],
    ["a name that cannot be resolved", { [reverse]: { PTR: ["m.test"] }, "m.test": "servfail" }, "failed"],
    ["a name that is a circle", { [reverse]: { PTR: ["a.test"] }, ...loop }, "failed"],
    ["a circle of reverse names", { [reverse]: { CNAME: reverse } }, "failed"],
    ["SERVFAIL", { [reverse]: "servfail" }, "failed"],
  ] as const;
  for (const [name, zone, status] of cases) {
    test(name, async () => assert.equal((await confirmedHost(fakeDns(zone), directory, ip)).status, status));
  }
});

describe("time", () => {
  test("a look-up without an answer has failed after its time, and a fault of the resolver has, too", async () => {
    const silent = boundedResolver(fakeDns({ "x.test": "silent" }), 20);
    assert.equal((await silent.mx("x.test")).status, "failed");
    assert.equal((await silent.addresses("x.test", 4)).status, "failed");
    assert.equal((await silent.cname!("x.test")).status, "failed");
    const broken = boundedResolver({ ...fakeDns({}), txt: () => Promise.reject(new Error("boom")) }, 20);
    assert.equal((await broken.txt("x.test")).status, "failed");
  });

  test("a budget is shared by all waits, and runs from the first", async () => {
    const budget = new TimeBudget(40);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(await budget.within(Promise.resolve("in time"), () => "late"), "in time");
    const never = new Promise<string>(() => {});
    const startedAt = performance.now();
    assert.equal(await budget.within(never, () => "late"), "late");
    assert.equal(await budget.within(never, () => "late"), "late");
    assert.ok(performance.now() - startedAt < 200);
  });
});
