import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DnsResolver } from "@mailfold/dns";
import { findRoute } from "./mail-exchangers.ts";

type Records = readonly { readonly exchange: string; readonly priority: number }[];

const routeFor = (domain: string, records: Records | undefined) => {
  const resolver: Partial<DnsResolver> = {
    mx: async () => (records === undefined ? { status: "none" } : { status: "found", records }),
    addresses: async () => ({ status: "found", records: ["192.0.2.1"] }),
  };
  const guard = () => undefined;
  const options = {
    resolver: resolver as DnsResolver,
    guard,
    port: 25,
    hostname: "mx.ours.test",
    smarthost: undefined,
  };
  return findRoute(domain, options);
};
const hostsFor = async (records: Records | undefined) => {
  const route = await routeFor("far.test", records);
  return route.status === "found" ? route.exchangers.map(({ host }) => host) : `${route.status} ${route.enhancedCode}`;
};

describe("a host that is an MX itself (RFC 5321 5.1)", () => {
  test("hands on to more preferred hosts only", async () => {
    const records = [
      { exchange: "same.test", priority: 20 },
      { exchange: "MX.ours.test.", priority: 20 },
      { exchange: "worse.test", priority: 30 },
      { exchange: "good.test", priority: 10 },
      { exchange: "best.test", priority: 5 },
    ];
    assert.deepEqual(await hostsFor(records), ["best.test", "good.test"]);
  });

  test("named twice, its better record counts", async () => {
    const records = [
      { exchange: "mx.ours.test", priority: 30 },
      { exchange: "between.test", priority: 20 },
      { exchange: "mx.ours.test", priority: 10 },
      { exchange: "first.test", priority: 5 },
    ];
    assert.deepEqual(await hostsFor(records), ["first.test"]);
  });

  test("is no route when nobody is preferred to it, its own name without MX included", async () => {
    const records = [
      { exchange: "mx.ours.test", priority: 10 },
      { exchange: "backup.test", priority: 10 },
    ];
    assert.equal(await hostsFor(records), "failed 5.4.6");
    const own = await routeFor("mx.ours.test", undefined);
    assert.equal(own.status !== "found" && own.enhancedCode, "5.4.6");
  });

  test("does not matter where it is not named", async () => {
    const records = [
      { exchange: "b.test", priority: 20 },
      { exchange: "a.test", priority: 10 },
    ];
    assert.deepEqual(await hostsFor(records), ["a.test", "b.test"]);
    assert.deepEqual(await hostsFor(undefined), ["far.test"]);
  });
});
