import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CompiledPolicy, Facts, MissingFacts, Need, Verdict } from "@mailfold/policy";
import { absentPeerSource, allSources, type FetchFacts } from "./fact-source.ts";
import { type Judged, judge } from "./judge.ts";

const content = { sizeBytes: 1, from: [], broken: false } as unknown as NonNullable<Facts["content"]>;
const facts: Facts = { at: 1, listener: "mx", ip: "192.0.2.1", tls: false, helo: "h.test", content };
const missing: MissingFacts = { needs: ["host", "scan", "findings"] };
const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), 5));

const host: FetchFacts = (_missing, known) => ({ ...known, host: { status: "none" } });
const scan: FetchFacts = (_missing, known) =>
  later({ ...known, content: { ...content, scan: { clamav: { status: "clean" } } } });
const findings: FetchFacts = (_missing, known) => ({ ...known, content: { ...content, findings: [] } });
const nothing: FetchFacts = (_missing, known) => known;

describe("sources of facts", () => {
  test("each adds its own, also within content; at once when nobody waits", async () => {
    const both = allSources(host, findings)(missing, facts) as Facts;
    assert.deepEqual(both, { ...facts, host: { status: "none" }, content: { ...content, findings: [] } });
    const all = await allSources(findings, scan, nothing, host)(missing, facts);
    assert.deepEqual(all, {
      ...facts,
      host: { status: "none" },
      content: { ...content, findings: [], scan: { clamav: { status: "clean" } } },
    });
  });

  test("sources that know nothing leave the facts as they are", () => {
    assert.equal(allSources(nothing, nothing)(missing, facts), facts);
    assert.equal(absentPeerSource({ needs: ["scan"] }, facts), facts);
  });

  test("what only an absent peer could show has failed, and bars nothing", () => {
    const needs: readonly Need[] = ["host", "heloName", "senderDomain", "spf", "dnsLists", "counters", "greylist"];
    const sender = { address: "x@ext.test", form: "plain" } as const;
    const zones = [{ zone: "bl.test", weight: 1 }];
    const answer = absentPeerSource({ needs, zones }, { ...facts, sender }) as Facts;
    for (const need of needs) assert.ok(need in answer, need);
    assert.deepEqual(answer.spf, { result: "temperror", identity: "mailfrom", domain: "ext.test" });
    assert.deepEqual(answer.dnsLists, [{ zone: "bl.test", result: "failed" }]);
    assert.equal(answer.greylist?.status, "known");
    const listed = { zone: "old.test", result: "listed" } as const;
    const both = [...zones, { zone: "old.test", weight: 1 }];
    const later = absentPeerSource({ needs: ["dnsLists"], zones: both }, { ...facts, dnsLists: [listed] });
    assert.deepEqual((later as Facts).dnsLists, [{ zone: "bl.test", result: "failed" }, listed]);
  });
});

describe("judging", () => {
  const verdict = { action: "accept" } as Verdict;
  const asking = (...rounds: readonly (readonly Need[])[]) => {
    const left = [...rounds];
    const evaluate = () => {
      const needs = left.shift();
      return needs === undefined ? { verdict } : { needs };
    };
    return { current: () => ({ evaluate }) as unknown as CompiledPolicy, ready: () => true };
  };

  test("rounds go on until there is a verdict, without a promise where none is needed", async () => {
    const sync = judge({ policy: asking(["host"], ["findings"]), fetch: allSources(host, findings) }, "data", facts);
    assert.deepEqual((sync as Judged).facts.host, { status: "none" });
    const waited = judge({ policy: asking(["host"], ["scan"]), fetch: allSources(host, scan) }, "data", facts);
    assert.ok(waited instanceof Promise);
    assert.deepEqual((await waited).facts.content?.scan, { clamav: { status: "clean" } });
  });

  test("a need that nobody knows, and a policy that never ends asking, are bugs", () => {
    assert.throws(() => judge({ policy: asking(["rules"]), fetch: nothing }, "data", facts), /nobody can answer rules/);
    const endless = asking(...Array.from({ length: 30 }, () => ["host"] as const));
    assert.throws(() => judge({ policy: endless, fetch: host }, "data", facts), /keeps asking for host/);
  });
});
