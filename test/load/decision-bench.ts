/**
 * Time of a whole decision (connect, HELO, MAIL, RCPT, DATA, all rounds of facts, processing rules run) without DNS and
 * scanners: `node --expose-gc --max-old-space-size=6000 test/load/decision-bench.ts [tenants] [entries] [rules] [seconds]
 * [--json]`. Tenants have settings, their share of the list entries and their own choice of envelope and header rules; mail
 * goes to a few tenants often and to most seldom (Zipf), then to all alike. Then body rules, in their worker.
 */
import type { CompiledPolicy, Facts, Phase, Verdict } from "../../libs/policy/src/index.ts";
import { type ContentTest, createContentPool, RuleCache, type RuleInput } from "../../libs/rules/src/index.ts";
import type { DecisionFigures, Quantiles } from "./decision-figures.ts";
import { envelopeOf, fetched, headersOf, int, policyOf, random, rulePool, rulesFact } from "./decision-world.ts";

const [tenants = 10_000, entries = 1_000_000, rulesPerTenant = 200, seconds = 5] = process.argv
  .slice(2)
  .filter((each) => each !== "--json")
  .map(Number);
const isJson = process.argv.includes("--json");
const say = (line: string): void => void (isJson ? process.stderr : process.stdout).write(`${line}\n`);

function heapMiB(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

interface Edge {
  readonly policy: CompiledPolicy;
  readonly cache: RuleCache;
}

function judge({ cache, policy }: Edge, phase: Phase, facts: Facts, input: () => RuleInput) {
  let known = facts;
  for (;;) {
    const answer = policy.evaluate(phase, known);
    if (answer.verdict) return { verdict: answer.verdict, facts: known };
    known = fetched(answer, known);
    if (answer.needs.includes("rules") && known.content) {
      known = { ...known, content: { ...known.content, rules: rulesFact(policy, cache, answer, input()) } };
    }
  }
}

/** One mail's way in. */
function decide(edge: Edge, envelope: Facts, index: number): Verdict {
  const { recipient, sender, ...session } = envelope;
  const input = (): RuleInput => ({
    direction: "inbound",
    sender: sender?.address ?? "",
    recipient: recipient?.address ?? "",
    headers: headersOf(envelope, index),
    sizeBytes: 20_000,
  });
  judge(edge, "connect", session, input);
  judge(edge, "helo", session, input);
  judge(edge, "mail", { ...session, ...(sender ? { sender } : {}) }, input);
  const atRcpt = judge(edge, "rcpt", envelope, input);
  if (atRcpt.verdict.action === "reject" || atRcpt.verdict.action === "defer") return atRcpt.verdict;
  const content = {
    sizeBytes: 20_000,
    bareLineEnd: false,
    from: [sender?.address ?? ""],
    replyTo: [],
    fromCount: 1,
    received: 3,
    deliveredTo: [],
    broken: false,
  };
  return judge(edge, "data", { ...atRcpt.facts, content }, input).verdict;
}

const switches = (): number => process.resourceUsage().involuntaryContextSwitches;

function quantiles(times: number[]): Quantiles {
  times.sort((a, b) => a - b);
  const at = (share: number): number => Number((times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(3));
  return { count: times.length, medianMs: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
}

function told({ count, medianMs, p99Ms, p999Ms }: Quantiles): string {
  return `${count}: median ${medianMs} ms, p99 ${p99Ms} ms, p99.9 ${p999Ms} ms`;
}

/** On a machine that does other work, decisions in which the kernel took the processor away say little: they are told apart. */
function measure(mail: string, edge: Edge, pick: () => number): DecisionFigures["mixes"][number] {
  const all: number[] = [];
  const undisturbed: number[] = [];
  const reasons = new Map<string, number>();
  const until = performance.now() + seconds * 1_000;
  for (let index = 0; performance.now() < until; index += 1) {
    const envelope = envelopeOf(pick(), int(1_000_000));
    const switchesBefore = switches();
    const startedAt = performance.now();
    const { reason } = decide(edge, envelope, index);
    const elapsedMs = performance.now() - startedAt;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (index < 500) continue;
    all.push(elapsedMs);
    if (switches() === switchesBefore) undisturbed.push(elapsedMs);
  }
  const figures = { mail, all: quantiles(all), undisturbed: quantiles(undisturbed) };
  say(`${mail}: ${[...reasons].map(([reason, count]) => `${reason} ${count}`).join(", ")}`);
  say(`  ${told(figures.all)}`);
  say(`  undisturbed ${told(figures.undisturbed)}`);
  return figures;
}

/** 200 body tests, one in ten a pattern, on a message of 128 KiB; from handing it over to the answer. */
async function measureBodies(): Promise<Quantiles> {
  const text = Array.from({ length: 6_000 }, (_, at) => `word${(at * 7_919) % 5_000} of the offer`).join("\n");
  const tests = Array.from({ length: 200 }, (_, at): ContentTest => {
    const isPattern = at % 10 === 9;
    const values = [isPattern ? `special-${at}\\b.*(today|now)` : `special offer ${at}`];
    return { field: "body", operator: isPattern ? "matches" : "contains", values };
  });
  const worker = createContentPool({ threads: 1, budgetMs: 50, timeoutMs: 2_000 });
  const times: number[] = [];
  for (let run = 0; run < 320; run += 1) {
    const startedAt = performance.now();
    await worker.match({ texts: [text], attachmentNames: [] }, tests, "bench");
    // The first ones start the thread.
    if (run >= 20) times.push(performance.now() - startedAt);
  }
  await worker.close();
  return quantiles(times);
}

const before = heapMiB();
const startedAt = performance.now();
const pool = rulePool(4_000);
const policy = policyOf(pool, { tenants, entries, rulesPerTenant });
const policyMiB = Math.round(heapMiB() - before);
say(
  `${tenants} tenants, ${entries} list entries, ${rulesPerTenant} rules for each tenant: ` +
    `${policyMiB} MiB, built in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
);
const edge: Edge = { policy, cache: new RuleCache() };
const mixes = [
  // Zipf with exponent 1: tenant k gets mail in proportion to 1 / k.
  measure("a few tenants get most mail", edge, () => Math.min(tenants - 1, Math.floor(tenants ** random()) - 1)),
  measure("all tenants get the same", edge, () => int(tenants)),
];
const compiledMiB = Math.round(heapMiB() - before) - policyMiB;
say(`compiled rules: ${compiledMiB} MiB more`);
const bodyRules = await measureBodies();
say(`200 body rules on 128 KiB in the worker, ${told(bodyRules)}`);
const figures: DecisionFigures = { tenants, entries, rulesPerTenant, policyMiB, compiledMiB, mixes, bodyRules };
if (isJson) process.stdout.write(JSON.stringify(figures));
