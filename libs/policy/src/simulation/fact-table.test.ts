import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { VerdictId } from "@mailfold/kernel";
import fc from "fast-check";
import { emptyPolicy } from "../compiled-policy.ts";
import { entry, factsOf, judgeOn, policyOf, scopeA, setting, tenantA, tenantB } from "../policy-test-world.ts";
import { applyChanges } from "../what-if/apply-changes.ts";
import type { PolicyChange } from "../what-if/policy-change.ts";
import { AffectedSenders } from "./affected-senders.ts";
import { type FactSegment, type RecordedVerdict, SegmentBuilder, SegmentReader } from "./fact-segment.ts";
import { decodeSegment, encodeSegment, segmentBlocks } from "./segment-codec.ts";
import { Simulation, type SimulationQuery } from "./simulation.ts";
import { places, policies, segmentsOf, traffic } from "./simulation-test-world.ts";

const place = places.find(({ scope }) => scope === scopeA) ?? assert.fail();

function verdictOf(index: number, more: Partial<RecordedVerdict> = {}): RecordedVerdict {
  return {
    verdictId: `vrd_${index}` as VerdictId,
    tenantId: tenantA,
    action: "accept",
    reason: "accepted",
    phase: "data",
    facts: factsOf({ at: 1_000 + index }),
    ...more,
  };
}

function readBack(segment: FactSegment): FactSegment {
  const blocks = encodeSegment(segment);
  return decodeSegment(segment.rows, (number) => blocks[number] ?? assert.fail());
}

function tried(changes: readonly PolicyChange[], more: Partial<SimulationQuery> = {}): Simulation {
  const baseline = more.baseline ?? emptyPolicy();
  const applied = applyChanges(baseline, more.place ?? place, changes);
  assert.ok("policy" in applied, JSON.stringify(applied));
  return new Simulation({ baseline, changed: applied.policy, changes, place, from: 0, to: 1e15, ...more });
}

describe("fact table", () => {
  test("facts that are read back from bytes are those that were written", () => {
    const world = policies.chain((policy) => traffic(policy, 20));
    fc.assert(
      fc.property(world, (verdicts) => {
        const [segment] = segmentsOf(verdicts, verdicts.length);
        assert.ok(segment);
        const read = new SegmentReader(readBack(segment));
        for (const [row, { action, facts, phase, reason, resellerId, tenantId, verdictId }] of verdicts.entries()) {
          assert.deepEqual(read.facts(row), JSON.parse(JSON.stringify(facts)));
          assert.deepEqual(read.outcome(row), { action, reason, phase });
          assert.deepEqual(read.owner(row), JSON.parse(JSON.stringify({ tenantId, resellerId })));
          assert.equal(read.segment.verdictIds[row], verdictId);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("members of facts that this code does not know are kept", () => {
    const facts = {
      ...factsOf(),
      moonPhase: "full",
      peerTenant: null,
      relayTenant: tenantB,
    } as RecordedVerdict["facts"];
    const builder = new SegmentBuilder();
    builder.add(verdictOf(1, { facts }));
    assert.deepEqual(new SegmentReader(readBack(builder.seal())).facts(0), facts);
  });

  test("only what is looked at is read; bytes that are not a segment's are refused", () => {
    const builder = new SegmentBuilder();
    builder.add(verdictOf(1));
    const blocks = encodeSegment(builder.seal());
    assert.equal(blocks.length, segmentBlocks);
    const asked = new Set<number>();
    const read = decodeSegment(1, (number) => {
      asked.add(number);
      return blocks[number] ?? assert.fail();
    });
    assert.equal(read.verdictIds[0], "vrd_1");
    assert.ok(asked.size < 8, `${asked.size} blocks`);
    assert.throws(() => decodeSegment(2, (number) => blocks[number] ?? assert.fail()), /as many numbers/);
  });
});

describe("what a simulation answers", () => {
  const kill: PolicyChange = { entryAdd: { list: "kill", pattern: "@ext.example" } };

  test("the turned, samples with references, senders, time and subtree", () => {
    const simulation = tried([kill], { from: 1_002, to: 1_005 });
    const other = verdictOf(3, { tenantId: tenantB });
    const spared = verdictOf(4, { facts: factsOf({ at: 1_004, from: "joe@other.example" }) });
    const [segment] = segmentsOf([verdictOf(1), verdictOf(2), other, spared, verdictOf(5)], 5);
    assert.ok(segment);
    simulation.addSegment(segment);
    const result = simulation.result();
    assert.deepEqual([result.rows, result.changed, result.undecidable, result.drifted], [2, 1, 0, 0]);
    assert.deepEqual(result.matrix, [
      { from: "accept", to: "accept", count: 1 },
      { from: "accept", to: "reject", count: 1 },
    ]);
    assert.deepEqual(result.topAffected, [{ sender: "joe@ext.example", count: 1, blocked: 1, freed: 0 }]);
    assert.deepEqual(result.samples, [
      {
        verdictId: "vrd_2",
        at: 1_002,
        sender: "joe@ext.example",
        recipient: "joe@a.example",
        recorded: "accept",
        reason: "accepted",
        from: "accept",
        to: "reject",
      },
    ]);
  });

  test("mail that its users rescued, by the last mark or by letting it out of quarantine, is a conflict", () => {
    const simulation = tried([kill]);
    const id = (index: number) => `vrd_${index}` as VerdictId;
    simulation.addMarks([
      { kind: "notSpam", verdictId: id(1) },
      { kind: "notSpam", verdictId: id(2) },
      { kind: "spam", verdictId: id(2) },
      { kind: "held", holdId: "a", verdictId: id(3) },
      { kind: "held", holdId: "b", verdictId: id(4) },
      { kind: "released", holdId: "a" },
    ]);
    for (const segment of segmentsOf(
      [1, 2, 3, 4].map((index) => verdictOf(index)),
      3,
    ))
      simulation.addSegment(segment);
    const { changed, conflicts } = simulation.result();
    assert.equal(changed, 4);
    assert.deepEqual([conflicts.count, conflicts.samples.map(({ verdictId }) => verdictId)], [2, [id(1), id(3)]]);
  });

  test("mail refused at RCPT that would be let in reaches data; what was never asked for is undecidable", () => {
    const baseline = policyOf(entry(scopeA, "kill", "@ext.example"));
    const { content: _content, ...facts } = factsOf();
    const refused = verdictOf(1, { action: "reject", reason: "kill-listed", phase: "rcpt", facts });
    const freed = tried([{ entryRemove: { list: "kill", pattern: "@ext.example" } }], { baseline });
    const asking = tried([{ set: { greylist: 300 } }, { set: { dnsbl: [{ zone: "bl.example", weight: 2 }] } }]);
    const [segment] = segmentsOf([refused], 1);
    assert.ok(segment);
    freed.addSegment(segment);
    const [taken] = segmentsOf([verdictOf(1)], 1);
    assert.ok(taken);
    asking.addSegment(taken);
    assert.deepEqual(freed.result().matrix, [{ from: "reject", to: "reaches-data", count: 1 }]);
    assert.equal(freed.result().reachesData, 1);
    const { matrix, rows, undecidable } = asking.result();
    assert.deepEqual([matrix, rows, undecidable], [[], 1, 1]);
  });

  test("a row that the policy in force judges otherwise than then is said to have drifted", () => {
    const baseline = policyOf(setting(scopeA, "spamThresholds", { junk: 1 }));
    const simulation = tried([kill], { baseline });
    const facts = factsOf();
    const scan = { rspamd: { status: "scanned", score: 5, action: "", symbols: [] } } as const;
    const spam = { ...facts, content: { ...(facts.content ?? assert.fail()), scan } };
    const [segment] = segmentsOf([verdictOf(1, { facts: spam })], 1);
    assert.ok(segment);
    simulation.addSegment(segment);
    const { drifted, matrix } = simulation.result();
    assert.deepEqual([matrix, drifted], [[{ from: "junk", to: "reject", count: 1 }], 1]);
  });

  test("changed rules run where they can, and are undecidable where they cannot", () => {
    const rule = {
      name: "r",
      all: [{ field: "sender", operator: "contains", value: "ext" }],
      actions: [{ do: "quarantine" }],
    };
    const changes: PolicyChange[] = [{ ruleSave: { rule } }];
    const { facts } = judgeOn(emptyPolicy(), "data", factsOf());
    const { content: _content, ...early } = factsOf({ at: 1_002 });
    const refused = verdictOf(2, { action: "reject", reason: "over-quota", phase: "rcpt", facts: early });
    const segments = segmentsOf([verdictOf(1, { facts }), refused], 2);
    const blind = tried(changes);
    const running = tried(changes, {
      runRules: ({ scopes }) => ({
        actions: scopes.length === 0 ? [] : [{ action: { do: "quarantine" }, rule: "r", scope: "tenant" }],
        matched: [],
        undecided: [],
      }),
    });
    for (const segment of segments) {
      blind.addSegment(segment);
      running.addSegment(segment);
    }
    assert.deepEqual([blind.result().undecidable, blind.result().rows], [1, 2]);
    assert.deepEqual(running.result().matrix, [
      { from: "accept", to: "quarantine", count: 1 },
      { from: "reject", to: "reject", count: 1 },
    ]);
  });

  test("the most affected of very many senders are found in bounded memory", () => {
    const senders = new AffectedSenders();
    for (let n = 0; n < 60_000; n += 1) {
      senders.add(`s${n}@x.example`, "other");
      if (n % 10 === 0) senders.add("often@x.example", "blocked");
    }
    assert.equal(senders.isExact, false);
    assert.deepEqual(senders.top(1), [{ sender: "often@x.example", count: 6_000, blocked: 6_000, freed: 0 }]);
  });
});
