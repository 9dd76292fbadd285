import {
  type CompiledPolicy,
  compilePolicy,
  type EntryInput,
  type Facts,
  type MissingFacts,
  type RulesFact,
  type SettingInput,
} from "../../libs/policy/src/index.ts";
import {
  compileRules,
  parseRules,
  type Rule,
  type RuleCache,
  type RuleInput,
  readStoredRule,
  runRules,
} from "../../libs/rules/src/index.ts";

/** How large the world of a decision bench is. */
export interface WorldSize {
  readonly tenants: number;
  readonly entries: number;
  readonly rulesPerTenant: number;
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
/** The bench's own sequence. */
export const random = randomOf(42);
/** A number of the bench's own sequence, below `below`. */
export const int = (below: number): number => Math.floor(random() * below);
const id = (prefix: string, index: number): never => `${prefix}_${String(index).padStart(26, "0")}` as never;

/** Distinct rules that tenants choose from: words in sender, subject, From and List-Id; one in ten a pattern. */
export function rulePool(size: number): readonly Rule[] {
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

function entryOf(index: number, tenants: number): EntryInput {
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

/** Tenants with settings, their share of the list entries and their own choice of rules. */
export function policyOf(pool: readonly Rule[], { tenants, entries, rulesPerTenant }: WorldSize): CompiledPolicy {
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
    for (let index = 0; index < entries; index += 1) yield entryOf(index, tenants);
  }
  return compilePolicy({ settings: settings(), entries: all() });
}

/** A letter from a stranger to a tenant's mailbox. */
export function envelopeOf(tenant: number, index: number): Facts {
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

/** Its header, as rules see it. */
export const headersOf = (facts: Facts, index: number): RuleInput["headers"] => [
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
export function rulesFact(
  policy: CompiledPolicy,
  cache: RuleCache,
  missing: MissingFacts,
  input: RuleInput,
): RulesFact {
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
export function fetched(missing: MissingFacts, facts: Facts): Facts {
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
