/**
 * Rate and memory of changes tried on recorded verdicts, as the simulation's thread tries them: read from files, one segment at a
 * time. `node --expose-gc test/load/simulate-bench.ts [verdicts] [entries] [--write]`; with --write the figures go into
 * docs/reference/simulation.md. A sample of the verdicts is judged one by one by both policies, and must come to the same.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FactFiles } from "../../apps/mailfold/src/simulation/fact-files.ts";
import type { Position } from "../../libs/kernel/src/index.ts";
import {
  applyChanges,
  type ChangePlace,
  type CompiledPolicy,
  compareRow,
  compilePolicy,
  type PolicyChange,
  type RecordedVerdict,
  SegmentBuilder,
  Simulation,
  type SimulationResult,
} from "../../libs/policy/src/index.ts";
import { type BenchRow, writeSimulationPage } from "./simulation-page.ts";
import { policyInputs, randomOf, resellerOf, tenantOf, verdictOf } from "./simulation-traffic.ts";

const numbers = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const verdicts = Number(numbers[0] ?? 1_000_000);
const entries = Number(numbers[1] ?? 100_000);
const sampleRows = 20_000;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const platform: ChangePlace = { scope: { kind: "platform" }, path: {} };
const tenant: ChangePlace = {
  scope: { kind: "tenant", id: tenantOf(1) },
  path: { tenantId: tenantOf(1), resellerId: resellerOf(1) },
};
const kill = (pattern: string): PolicyChange => ({ entryAdd: { list: "kill", pattern } });
const trials: readonly {
  readonly name: string;
  readonly place: ChangePlace;
  readonly changes: readonly PolicyChange[];
}[] = [
  { name: "kill entry, a domain, platform", place: platform, changes: [kill("@mail3.example")] },
  { name: "kill entry, a network, platform", place: platform, changes: [kill("5.0.0.0/16")] },
  {
    name: "accept entry, an address, tenant",
    place: tenant,
    changes: [{ entryAdd: { list: "accept", pattern: "user1@mail3.example" } }],
  },
  {
    name: "spamThresholds, platform",
    place: platform,
    changes: [{ set: { spamThresholds: { junk: 4, reject: 12 } } }],
  },
  { name: "spamThresholds, tenant", place: tenant, changes: [{ set: { spamThresholds: { junk: 3 } } }] },
  { name: "spf reject, platform", place: platform, changes: [{ set: { spf: "reject" } }] },
  { name: "reverseDns reject, platform", place: platform, changes: [{ set: { reverseDns: "reject" } }] },
  {
    name: "dnsbl weight, platform",
    place: platform,
    changes: [{ set: { dnsbl: [{ zone: "bl.example", weight: 6 }] } }],
  },
  { name: "sizeLimitBytes, platform", place: platform, changes: [{ set: { sizeLimitBytes: 1_000_000 } }] },
  {
    name: "all of these at once, platform",
    place: platform,
    changes: [
      kill("@mail3.example"),
      { set: { spamThresholds: { junk: 4 }, dmarc: "honour", sizeLimitBytes: 1_000_000 } },
    ],
  },
];

function memoryMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1_048_576;
}

function makeTable(dir: string): { readonly files: FactFiles; readonly sample: readonly RecordedVerdict[] } {
  const files = FactFiles.open(dir, { epoch: "bench", floor: "" as Position });
  const random = randomOf(42);
  const sample: RecordedVerdict[] = [];
  let builder = new SegmentBuilder();
  for (let index = 0; index < verdicts; index += 1) {
    const verdict = verdictOf(random, index, verdicts);
    builder.add(verdict);
    if (index % Math.max(1, Math.floor(verdicts / sampleRows)) === 0) sample.push(verdict);
    if (!builder.isFull && index + 1 < verdicts) continue;
    files.append(builder.seal(), String(index).padStart(16, "0") as Position);
    builder = new SegmentBuilder();
  }
  return { files, sample };
}

interface Tried {
  readonly baseline: CompiledPolicy;
  readonly changed: CompiledPolicy;
  readonly changes: readonly PolicyChange[];
  readonly place: ChangePlace;
  readonly from: number;
  readonly to: number;
}

/** Judges a sample one by one, and all at once; throws when the two differ. */
function compareSample(tried: Tried, sample: readonly RecordedVerdict[]): void {
  const simulation = new Simulation(tried);
  const builder = new SegmentBuilder();
  let [changed, undecidable] = [0, 0];
  for (const verdict of sample) {
    if (tried.place.scope.kind === "tenant" && verdict.tenantId !== tried.place.scope.id) continue;
    builder.add(verdict);
    const { kind } = compareRow(tried, verdict.facts, verdict.phase);
    if (kind === "changed") changed += 1;
    else if (kind === "undecidable") undecidable += 1;
  }
  simulation.addSegment(builder.seal());
  const result = simulation.result();
  if (result.changed !== changed || result.undecidable !== undecidable) {
    throw new Error(`sample: ${result.changed} and ${result.undecidable}, one by one ${changed} and ${undecidable}`);
  }
}

function run(files: FactFiles, tried: Tried): { readonly seconds: number; readonly result: SimulationResult } {
  const before = process.threadCpuUsage();
  const simulation = new Simulation(tried);
  for (const file of files.all) simulation.addSegment(files.segmentOf(file));
  const result = simulation.result();
  const { user, system } = process.threadCpuUsage(before);
  return { seconds: (user + system) / 1e6, result };
}

const dir = mkdtempSync(join(tmpdir(), "mailfold-simulate-"));
try {
  const { files, sample } = makeTable(dir);
  const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
  const baseline = compilePolicy(policyInputs(entries));
  say(
    `${verdicts} verdicts in ${files.all.length} files, ${(bytes / verdicts).toFixed(0)} octets each; ${entries} entries`,
  );
  const rows: BenchRow[] = [];
  for (const { changes, name, place } of trials) {
    const applied = applyChanges(baseline, place, changes);
    if ("problem" in applied) throw new Error(JSON.stringify(applied.problem));
    const tried: Tried = { baseline, changed: applied.policy, changes, place, from: 0, to: Number.MAX_SAFE_INTEGER };
    compareSample(tried, sample);
    const { result, seconds } = run(files, tried);
    const row = {
      name,
      perSecond: verdicts / seconds,
      changed: result.changed,
      undecidable: result.undecidable,
      memoryMiB: memoryMiB(),
    };
    rows.push(row);
    say(
      `${name.padEnd(36)} ${Math.round(row.perSecond).toLocaleString("en")}/s per core, ${row.changed} changed, ${row.undecidable} undecidable, ${row.memoryMiB.toFixed(0)} MiB`,
    );
  }
  if (process.argv.includes("--write")) {
    writeSimulationPage({
      verdicts,
      entries,
      octets: bytes / verdicts,
      sample: sample.length,
      rows,
    });
  }
} finally {
  rmSync(dir, { recursive: true });
}
