import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMetrics } from "@mailfold/telemetry";
import { type FakeName, fakeDns } from "../testing/fake-dns.ts";
import { DnsLists } from "./dns-lists.ts";

const ip = "192.0.2.99";
const name = "99.2.0.192.bl.test";

function lists(zone: Readonly<Record<string, FakeName>>, limits = {}) {
  let now = 1_000_000;
  const dns = fakeDns(zone);
  const metrics = createMetrics();
  const made = new DnsLists({ resolver: dns, clock: { now: () => now }, queries: metrics.dnsListQueries, limits });
  const pass = (ms: number): void => {
    now += ms;
  };
  return { made, dns, metrics, pass };
}

describe("DNS lists", () => {
  const cases = [
    ["an entry", { A: ["127.0.0.2", "127.0.0.10"] }, "listed", ["127.0.0.2", "127.0.0.10"]],
    ["no entry", undefined, "clear", undefined],
    ["a parked list that answers everything", { A: ["203.0.113.7"] }, "clear", undefined],
    ["an error of the list", { A: ["127.255.255.254"] }, "failed", ["127.255.255.254"]],
    ["an error beside an entry", { A: ["127.0.0.2", "127.255.255.252"] }, "failed", ["127.0.0.2", "127.255.255.252"]],
    ["SERVFAIL", "servfail", "failed", undefined],
  ] as const;
  for (const [title, found, result, answers] of cases) {
    test(title, async () => {
      const { made } = lists(found === undefined ? {} : { [name]: found });
      assert.deepEqual(await made.ask(ip, "bl.test"), {
        zone: "bl.test",
        result,
        ...(answers === undefined ? {} : { answers }),
      });
    });
  }

  test("an IPv6 peer is asked by nibbles", async () => {
    const { made, dns } = lists({});
    await made.ask("2001:db8::1", "bl.test");
    assert.deepEqual(dns.asked, [`A 1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.bl.test`]);
  });

  test("an answer is remembered for its TTL within bounds, and is then there at once", async () => {
    const { made, dns, pass } = lists({ [name]: { A: ["127.0.0.2"], ttlSeconds: 900 } });
    await made.ask(ip, "bl.test");
    pass(899_000);
    assert.equal((made.ask(ip, "bl.test") as { result: string }).result, "listed");
    assert.equal(dns.asked.length, 1);
    pass(2_000);
    await made.ask(ip, "bl.test");
    assert.equal(dns.asked.length, 2);
  });

  test("short and endless TTLs are bounded; a failure is asked again after a minute", async () => {
    const { made, dns, pass } = lists({
      [name]: { A: ["127.0.0.2"], ttlSeconds: 1 },
      "99.2.0.192.long.test": { A: ["127.0.0.2"], ttlSeconds: 1_000_000 },
      "99.2.0.192.bad.test": "servfail",
    });
    const zones = ["bl.test", "long.test", "bad.test"];
    const askAll = () => Promise.all(zones.map((zone) => made.ask(ip, zone)));
    await askAll();
    const again = async (ms: number) => {
      pass(ms);
      const before = dns.asked.length;
      await askAll();
      return dns.asked.slice(before).map((question) => question.split(".")[4]);
    };
    assert.deepEqual(await again(59_000), []);
    assert.deepEqual(await again(2_000), ["bad"]);
    assert.deepEqual(await again(241_000), ["bl", "bad"]);
    assert.deepEqual(await again(3_300_000), ["bl", "long", "bad"]);
  });

  test("the same question is put once, whoever waits for it; memory and questions are bounded", async () => {
    const { made, dns } = lists({ "1.2.0.192.slow.test": "silent" }, { answersMax: 2, questionsMax: 2 });
    const both = [made.ask(ip, "bl.test"), made.ask(ip, "bl.test")];
    assert.equal(both[0], both[1]);
    await Promise.all(both);
    assert.equal(dns.asked.length, 1);
    void made.ask("192.0.2.1", "slow.test");
    const second = made.ask("192.0.2.2", "bl.test");
    assert.deepEqual(made.ask("192.0.2.3", "bl.test"), { zone: "bl.test", result: "failed" });
    await second;
    await made.ask("192.0.2.4", "bl.test");
    // Two are remembered: the first one is asked again.
    await made.ask(ip, "bl.test");
    assert.equal(dns.asked.length, 5);
  });

  test("questions are counted by zone and result, with few zones", async () => {
    const { made, metrics } = lists({ [name]: { A: ["127.0.0.2"] } });
    await made.ask(ip, "bl.test");
    for (let n = 0; n < 60; n += 1) await made.ask(ip, `z${n}.test`);
    const { values } = await metrics.dnsListQueries.get();
    assert.deepEqual(values[0]?.labels, { zone: "bl.test", result: "listed" });
    assert.equal(values.length, 51);
    assert.equal(values.find(({ labels }) => labels.zone === "other")?.value, 11);
  });
});
