import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { emptyPolicy, snapshotOf, stateOf } from "../compiled-policy.ts";
import { ListView } from "../list-view.ts";
import type { CompiledPolicy } from "../types.ts";
import { applyChanges, type ChangePlace } from "../what-if/apply-changes.ts";
import type { PolicyChange } from "../what-if/policy-change.ts";
import { changeLists } from "./change-lists-test-world.ts";
import type { RecordedVerdict } from "./fact-segment.ts";
import { compareRow, type RowOutcome } from "./judge-row.ts";
import { quietPolicies, quietTraffic, welcomeMails, welcomeTraffic } from "./quiet-traffic-test-world.ts";
import { Simulation } from "./simulation.ts";
import type { MatrixCell } from "./simulation-result.ts";
import { places, policies, segmentsOf, traffic } from "./simulation-test-world.ts";

const bare = (policy: CompiledPolicy) => snapshotOf({ ...stateOf(policy), denials: new ListView() });

function isOwn({ path, scope }: ChangePlace, { facts, resellerId, tenantId }: RecordedVerdict): boolean {
  if (scope.kind === "platform") return true;
  if (scope.kind === "reseller") return resellerId === scope.id;
  if (tenantId !== path.tenantId) return false;
  const named = JSON.stringify([facts.recipient, facts.login]);
  return scope.kind === "tenant" || named.includes(`"${scope.id}"`);
}

/** Every row judged by both policies, nothing shared, nothing left out. */
function bruteForce(
  verdicts: readonly RecordedVerdict[],
  place: ChangePlace,
  policies: { readonly baseline: CompiledPolicy; readonly changed: CompiledPolicy },
) {
  const cells = new Map<string, number>();
  const count = (from: RowOutcome, to: RowOutcome) => cells.set(`${from} ${to}`, (cells.get(`${from} ${to}`) ?? 0) + 1);
  const pair = { baseline: bare(policies.baseline), changed: bare(policies.changed) };
  let undecidable = 0;
  for (const verdict of verdicts) {
    if (!isOwn(place, verdict)) continue;
    const comparison = compareRow(pair, verdict.facts, verdict.phase);
    if (comparison.kind === "undecidable") undecidable += 1;
    else if (comparison.kind === "same") count(verdict.action, verdict.action);
    else count(comparison.from, comparison.to);
  }
  return { cells: Object.fromEntries([...cells].sort()), undecidable };
}

function cellsOf(matrix: readonly MatrixCell[]) {
  return Object.fromEntries(matrix.map(({ count, from, to }) => [`${from} ${to}`, count] as const).sort());
}

function simulate(
  verdicts: readonly RecordedVerdict[],
  place: ChangePlace,
  tried: {
    readonly baseline: CompiledPolicy;
    readonly changed: CompiledPolicy;
    readonly changes: readonly PolicyChange[];
  },
) {
  const simulation = new Simulation({ ...tried, place, from: 0, to: Number.MAX_SAFE_INTEGER });
  for (const segment of segmentsOf(verdicts, 50)) simulation.addSegment(segment);
  return simulation.result();
}

/** What the property tests have seen, so that they are not passed by looking at nothing. */
interface Seen {
  rows: number;
  changed: number;
  undecidable: number;
}

function check(
  [then, verdicts]: readonly [CompiledPolicy, readonly RecordedVerdict[]],
  { now, place, proposed }: { now: CompiledPolicy | null; place: ChangePlace; proposed: readonly PolicyChange[] },
  seen: Seen,
): void {
  const baseline = now ?? then;
  const changes = proposed.filter((change) => "policy" in applyChanges(baseline, place, [change]));
  const applied = applyChanges(baseline, place, changes);
  if ("problem" in applied) return;
  const tried = { baseline, changed: applied.policy, changes };
  const result = simulate(verdicts, place, tried);
  const expected = bruteForce(verdicts, place, tried);
  assert.deepEqual(cellsOf(result.matrix), expected.cells);
  assert.equal(result.undecidable, expected.undecidable);
  seen.rows += result.rows;
  seen.changed += result.changed;
  seen.undecidable += result.undecidable;
}

const trial = (policy: fc.Arbitrary<CompiledPolicy>) =>
  fc.record({ now: fc.option(policy), place: fc.constantFrom(...places), proposed: changeLists });

describe("a simulation equals judging every row by both policies", () => {
  test("of mail of all kinds, under policies with many entries", () => {
    const seen: Seen = { rows: 0, changed: 0, undecidable: 0 };
    const world = policies.chain((then) => fc.tuple(fc.constant(then), traffic(then, 30)));
    fc.assert(
      fc.property(world, trial(policies), (recorded, tried) => check(recorded, tried, seen)),
      { numRuns: 120 },
    );
    assert.ok(seen.changed > 20 && seen.undecidable > 0, JSON.stringify(seen));
  });

  test("of mail that only what was found out tells apart", () => {
    const seen: Seen = { rows: 0, changed: 0, undecidable: 0 };
    const numRuns = 120;
    const everywhere = { now: null, place: { scope: { kind: "platform" }, path: {} } } as const;
    // Whatever is drawn: each policy takes mail that this turns, and one that looks nothing up cannot tell what a list says.
    const kill: readonly PolicyChange[] = [{ entryAdd: { list: "kill", pattern: "@*.example" } }];
    const lookUp: readonly PolicyChange[] = [{ set: { dnsbl: [{ zone: "bl.test", trusted: true }] } }];
    const blind = emptyPolicy();
    const world = quietPolicies.chain((then) => fc.tuple(fc.constant(then), quietTraffic(then)));
    fc.assert(
      fc.property(world, trial(quietPolicies), ([then, verdicts], tried) => {
        check([then, verdicts], tried, seen);
        check([then, verdicts.slice(-welcomeMails)], { ...everywhere, proposed: kill }, seen);
      }),
      { numRuns, examples: [[[blind, [...welcomeTraffic(blind)]], { ...everywhere, proposed: [...lookUp] }]] },
    );
    assert.ok(seen.changed >= numRuns * welcomeMails && seen.undecidable >= welcomeMails, JSON.stringify(seen));
  });

  test("sees of a table just what it sees of the subtree's own rows", () => {
    const world = policies.chain((then) => fc.tuple(fc.constant(then), traffic(then, 30)));
    fc.assert(
      fc.property(world, fc.constantFrom(...places), changeLists, ([baseline, verdicts], place, proposed) => {
        const changes = proposed.filter((change) => "policy" in applyChanges(baseline, place, [change]));
        const applied = applyChanges(baseline, place, changes);
        if ("problem" in applied) return;
        const tried = { baseline, changed: applied.policy, changes };
        const own = verdicts.filter((verdict) => isOwn(place, verdict));
        assert.deepEqual(simulate(verdicts, place, tried), simulate(own, place, tried));
      }),
      { numRuns: 60 },
    );
  });
});
