/**
 * Time of a whole decision (connect, HELO, MAIL, RCPT, DATA, all rounds of facts, processing rules run) without DNS and
 * scanners: `node --expose-gc test/load/decision-bench.ts [tenants] [entries] [rules] [seconds]`. Tenants have settings, their
 * share of the list entries and their own choice of envelope and header rules; mail goes to a few tenants often and to most
 * seldom (Zipf), then to all alike.
 */
import {
  type CompiledPolicy,
  compilePolicy,
  type EntryInput,
  type Facts,
  type MissingFacts,
  type Phase,
  type RulesFact,
  type SettingInput,
  type Verdict,
} from "../../libs/policy/src/index.ts";
import {
  compileRules,
  parseRules,
  type Rule,
  RuleCache,
  type RuleInput,
  readStoredRule,
  runRules,
} from "../../libs/rules/src/index.ts";

const tenants = Number(process.argv[2] ?? 10_000);
const entries = Number(process.argv[3] ?? 1_000_000);
const rulesPerTenant = Number(process.argv[4] ?? 200);
const seconds = Number(process.argv[5] ?? 5);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
const random = randomOf(42);
const int = (below: number): number => Math.floor(random() * below);
const id = (prefix: string, index: number): never => `${prefix}_${String(index).padStart(26, "0")}` as never;

function heapMiB(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

/** Distinct rules that tenants choose from: words in sender, subject, From and List-Id; one in ten a pattern. */
function rulePool(size: number): readonly Rule[] {
  const rules: Rule[] = [];
  const fields = ["subject", "from", "sender", "to", "header"] as const;
  for (let start = 0; start < size; start += 200) {
    const json = Array.from({ length: 200 }, (_, at) => {
      const index = start + at;
      const field = fields[index % fields.length];
      const header = field === "header" ? { header: "List-Id" } : {};
      const test =
        index % 10 === 9
          ? { field, ...header, operator: "matches", value: `\\boffer-${index}\\b.*(today|now)` }
          : { field, ...header, operator: "contains", value: `offer-${index}.promo` };
      const action = index % 3 === 0 ? { do: "file", folder: "Offers" } : { do: "tag", text: "[OFFER]" };
      return { name: `rule ${index}`, all: [test], actions: [action] };
    });
    const parsed = parseRules(json);
    if (parsed.rules === undefined) throw new Error(JSON.stringify(parsed.problems));
    rules.push(...parsed.rules);
  }
  return rules;
}

function entryOf(index: number): EntryInput {
  const scope = { kind: "tenant", id: id("ten", index % tenants) } as const;
  const patterns = [
    () => `${1 + int(223)}.${int(256)}.${int(256)}.${int(256)}`,
    () => `${1 + int(223)}.${int(256)}.${int(256)}.0/24`,
    () => `user${int(10_000_000)}@mail${int(10_000)}.example`,
    () => `@mail${int(1_000_000)}.example`,
  ];
  const pattern = (patterns[index % patterns.length] as () => string)();
  return {
    entryId: id("sle", index),
    scope,
    list: index % 3 === 0 ? "accept" : "kill",
    pattern,
    byEvent: `e${index}`,
    resellerId: id("rsl", index % 50),
  };
}

function policyOf(pool: readonly Rule[]): CompiledPolicy {
  function* settings(): Generator<SettingInput> {
    yield { scope: { kind: "platform" }, name: "dnsbl", value: [{ zone: "bl.example", weight: 3 }], byEvent: "p1" };
    for (let index = 0; index < tenants; index += 1) {
      const scope = { kind: "tenant", id: id("ten", index) } as const;
      const resellerId = id("rsl", index % 50);
      const own = Array.from({ length: rulesPerTenant }, (_, at) => pool[(index * 7 + at * 13) % pool.length]);
      // As they come from the log: no two tenants share an object.
      yield { scope, name: "rules", value: JSON.parse(JSON.stringify(own)), byEvent: `r${index}`, resellerId };
      yield { scope, name: "greylist", value: 300, byEvent: `g${index}`, resellerId };
      yield { scope, name: "spamThresholds", value: { junk: 4, reject: 12 }, byEvent: `t${index}`, resellerId };
      yield { scope, name: "trustedRelays", value: [`203.0.113.${index % 256}`], byEvent: `b${index}`, resellerId };
    }
  }
  function* all(): Generator<EntryInput> {
    for (let index = 0; index < entries; index += 1) yield entryOf(index);
  }
  return compilePolicy({ settings: settings(), entries: all() });
}

function envelopeOf(tenant: number, index: number): Facts {
  const name = `t${tenant}.example`;
  const sender = `user${index % 5_000}@mail${index % 20_000}.example`;
  return {
    at: 1_800_000_000_000,
    listener: "mx",
    ip: `${1 + (index % 223)}.${index % 251}.7.${index % 256}`,
    tls: true,
    helo: "mx.sender.example",
    sender: { address: sender, form: "plain" },
    recipient: {
      address: `bob@${name}`,
      form: "plain",
      acceptedBefore: 0,
      found: {
        kind: "local",
        domain: {
          domainId: id("dom", tenant),
          tenantId: id("ten", tenant),
          resellerId: id("rsl", tenant % 50),
          name,
          verified: true,
          tenantInboundOff: false,
          tenantSubmissionOff: false,
        },
        targets: [{ mailboxId: id("mbx", tenant), address: `bob@${name}`, suspended: false, overQuota: false }],
      },
    },
  };
}

const headersOf = (facts: Facts, index: number): RuleInput["headers"] => [
  { name: "From", value: `Sender ${index} <${facts.sender?.address}>` },
  { name: "To", value: `Bob <${facts.recipient?.address}>` },
  { name: "Subject", value: `Your offer-${index % 4_000}.promo of the week, only today ${index}` },
  { name: "List-Id", value: "<weekly.sender.example>" },
  ...Array.from({ length: 14 }, (_, at) => ({
    name: `X-Trace-${at}`,
    value: `hop ${at} id ${index} ${"abcdef".repeat(8)}`,
  })),
];

/** Rules as the edge runs them: read when they are compiled. */
function rulesFact(policy: CompiledPolicy, cache: RuleCache, missing: MissingFacts, input: RuleInput): RulesFact {
  const scopes = policy.rules(missing.path ?? {}).map(({ byEvent, rules, scope }) => ({
    scope: scope.kind,
    scopeId: scope.kind === "platform" ? "platform" : scope.id,
    revision: byEvent,
    get rules() {
      return rules.map((rule) => readStoredRule(rule, scope.kind)).filter((rule) => rule !== undefined);
    },
  }));
  const { actions, matched, undecided } = runRules(compileRules(scopes, cache), input);
  return { actions, matched: matched.map(({ rule, scope }) => ({ rule: rule.name, scope })), undecided };
}

const clear = { identity: "mailfrom", domain: "sender.example" } as const;

/** What DNS and scanners would say. */
function fetched(missing: MissingFacts, facts: Facts): Facts {
  let more = facts;
  const content = facts.content;
  for (const need of missing.needs) {
    if (need === "host") more = { ...more, host: { status: "confirmed", name: "mx.sender.example" } };
    else if (need === "heloName") more = { ...more, heloName: { status: "found", name: "mx.sender.example" } };
    else if (need === "senderDomain") more = { ...more, senderDomain: { status: "found", name: "sender.example" } };
    else if (need === "spf") more = { ...more, spf: { ...clear, result: "softfail" } };
    else if (need === "dnsLists") more = { ...more, dnsLists: [{ zone: "bl.example", result: "clear" }] };
    else if (need === "greylist") more = { ...more, greylist: { status: "known" } };
  }
  if (content === undefined || missing.needs.includes("rules")) return more;
  return {
    ...more,
    content: {
      ...content,
      authentication: {
        spf: { ...clear, result: "softfail" },
        dkim: [],
        dmarc: { result: "none", domain: "sender.example" },
        arc: { result: "none", sealers: [] },
      },
      scan: {
        rspamd: { status: "scanned", score: 1.5, action: "no action", symbols: [] },
        clamav: { status: "clean" },
      },
      classifier: { verdict: "unsure", probability: 0.4, tokens: [] },
      findings: [],
    },
  };
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

function figures(times: number[]): string {
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(3);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms, p99.9 ${at(0.999)} ms`;
}

/** On a machine that does other work, decisions in which the kernel took the processor away say little: they are told apart. */
function measure(title: string, edge: Edge, pick: (index: number) => number): void {
  const all: number[] = [];
  const undisturbed: number[] = [];
  const reasons = new Map<string, number>();
  const until = performance.now() + seconds * 1_000;
  for (let index = 0; performance.now() < until; index += 1) {
    const envelope = envelopeOf(pick(index), int(1_000_000));
    const switchesBefore = switches();
    const startedAt = performance.now();
    const { reason } = decide(edge, envelope, index);
    const elapsedMs = performance.now() - startedAt;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (index < 500) continue;
    all.push(elapsedMs);
    if (switches() === switchesBefore) undisturbed.push(elapsedMs);
  }
  const words = [...reasons].map(([reason, count]) => `${reason} ${count}`).join(", ");
  say(`${title}: ${all.length} decisions (${words})`);
  say(`  ${figures(all)}`);
  say(`  undisturbed (${undisturbed.length}): ${figures(undisturbed)}`);
}

const before = heapMiB();
const startedAt = performance.now();
const pool = rulePool(4_000);
const policy = policyOf(pool);
const heap = heapMiB() - before;
say(
  `${tenants} tenants, ${entries} list entries, ${rulesPerTenant} rules for each tenant from ${pool.length}: ` +
    `${heap.toFixed(0)} MiB, built in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
);
const edge: Edge = { policy, cache: new RuleCache() };
// Zipf with exponent 1: tenant k gets mail in proportion to 1 / k.
measure("a few tenants get most mail", edge, () => Math.min(tenants - 1, Math.floor(tenants ** random()) - 1));
say(`with compiled rules: ${(heapMiB() - before).toFixed(0)} MiB`);
measure("all tenants get the same", edge, () => int(tenants));
say(`with compiled rules: ${(heapMiB() - before).toFixed(0)} MiB`);
