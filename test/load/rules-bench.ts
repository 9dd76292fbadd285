/**
 * Time of one run of processing rules for one recipient, median and p99, with and without the literal prefilter:
 * `node test/load/rules-bench.ts [rules] [runs]`. Envelope and header rules as they are written (one in ten a pattern),
 * then body rules as the worker sees them.
 */
import {
  type ContentTest,
  compileRules,
  matchContent,
  parseRules,
  type Rule,
  RuleCache,
  type RuleInput,
  runRules,
} from "../../libs/rules/src/index.ts";

const count = Number(process.argv[2] ?? 200);
const runs = Number(process.argv[3] ?? 5_000);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const fields = ["subject", "from", "sender", "to", "header", "anyHeader"] as const;

/** `wide`: how many texts each rule compares with. */
function rulesOf(wide: number, only: readonly (typeof fields)[number][]): readonly Rule[] {
  const json = Array.from({ length: count }, (_, index) => {
    const field = only[index % only.length] ?? "subject";
    const header = field === "header" ? { header: "List-Id" } : {};
    const words = Array.from({ length: wide }, (_, at) => `offer-${index}-${at}.promo`);
    const test =
      index % 10 === 9
        ? { field, ...header, operator: "matches", value: `\\boffer-${index}\\b.*(today|now)` }
        : { field, ...header, operator: "contains", values: words };
    return { name: `rule ${index}`, all: [test], actions: [{ do: "tag", text: "t" }] };
  });
  const { rules, problems } = parseRules(json);
  if (rules === undefined) throw new Error(JSON.stringify(problems));
  return rules;
}

const input = (index: number): RuleInput => ({
  direction: "inbound",
  sender: `news${index % 97}@sender.example`,
  recipient: "bob@customer.example",
  headers: [
    { name: "From", value: `Sender ${index} <news${index % 97}@sender.example>` },
    { name: "To", value: "Bob <bob@customer.example>" },
    { name: "Subject", value: `Your offer-${index % count}-0 of the week, only today ${index}` },
    { name: "List-Id", value: "<weekly.sender.example>" },
    ...Array.from({ length: 18 }, (_, at) => ({
      name: `X-Trace-${at}`,
      value: `hop ${at} id ${index} ${"abcdef".repeat(10)}`,
    })),
  ],
  sizeBytes: 20_000,
});

function measure(what: string, run: (index: number) => unknown, times: number): void {
  const durations = new Float64Array(times);
  for (let index = 0; index < Math.min(times, 500); index += 1) run(index);
  for (let index = 0; index < times; index += 1) {
    const start = performance.now();
    run(index);
    durations[index] = performance.now() - start;
  }
  durations.sort();
  const at = (share: number): string => (durations[Math.floor(share * (times - 1))] ?? 0).toFixed(4);
  say(`${what}: median ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

for (const [title, wide, only] of [
  ["envelope and header rules, one text each", 1, fields.slice(0, 5)],
  ["the same, a sixth of them over all headers", 1, fields],
  ["the same, twenty texts each", 20, fields],
] as const) {
  const rules = rulesOf(wide, only);
  for (const prefilter of [true, false]) {
    const compiled = compileRules(
      [{ scope: "tenant", scopeId: "t", revision: "1", rules }],
      new RuleCache({ prefilter }),
    );
    measure(
      `${count} ${title}, prefilter ${prefilter ? "on" : "off"}`,
      (index) => runRules(compiled, input(index)),
      runs,
    );
  }
}

const text = Array.from({ length: 6_000 }, (_, index) => `word${(index * 7_919) % 5_000} of the offer`).join("\n");
const tests = Array.from({ length: count }, (_, index): ContentTest => {
  const isPattern = index % 10 === 9;
  const values = [isPattern ? `special-${index}\\b.*(today|now)` : `special offer ${index}`];
  return { field: "body", operator: isPattern ? "matches" : "contains", values };
});
const budget = { budgetMs: 50, now: () => performance.now() };
const content = { texts: [text], attachmentNames: [] };
measure(
  `${count} body tests on ${Math.round(text.length / 1_024)} KiB, together`,
  () => matchContent(content, tests, budget),
  50,
);
measure(
  `${count} body tests on ${Math.round(text.length / 1_024)} KiB, one by one (no prefilter, the text folded again each time)`,
  () => tests.map((test) => matchContent(content, [test], budget)),
  3,
);
