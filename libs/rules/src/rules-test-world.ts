import assert from "node:assert/strict";
import { compileRules, RuleCache, type ScopeRules } from "./compile-rules.ts";
import { type ContentAnswers, contentTestKey, type MessageContent, matchContent } from "./match-content.ts";
import { parseRule } from "./parse-rule.ts";
import type { Rule, RuleScope } from "./rule.ts";
import type { RuleInput } from "./rule-input.ts";
import { type RuleOutcome, runRules } from "./run-rules.ts";

export const plainInput: RuleInput = {
  direction: "inbound",
  sender: "ann@news.example",
  recipient: "bob@customer.example",
  headers: [
    { name: "From", value: "Ann Of News <ann@news.example>" },
    { name: "To", value: '"Bob" <bob@customer.example>, carl@customer.example' },
    { name: "Subject", value: "Cheap Refi now" },
    { name: "X-Mailer", value: "Blaster 2" },
    { name: "Received", value: "from a" },
    { name: "Received", value: "from b" },
  ],
  sizeBytes: 5_000,
  authentication: { spf: "pass", dmarc: "fail" },
  score: 4.5,
};
export const plainContent: MessageContent = {
  texts: ["Hello Bob,\r\nbuy pills today\r\nBye", "second part"],
  attachmentNames: ["invoice.pdf.exe", "notes.txt"],
};

/** A rule of JSON that must be sound. */
export function ruleOf(json: object): Rule {
  const { rule, problems } = parseRule({ name: "r", actions: [{ do: "quarantine" }], ...json });
  assert.ok(rule !== undefined, JSON.stringify(problems));
  return rule;
}

/** Both passes, content answered on the spot. */
export function runWhole(
  scopes: readonly ScopeRules[],
  input: RuleInput = plainInput,
  content: MessageContent = plainContent,
  cache = new RuleCache(),
): RuleOutcome {
  const compiled = compileRules(scopes, cache);
  const first = runRules(compiled, input);
  if (first.needsContent.length === 0) return first;
  const answers = matchContent(content, first.needsContent, { budgetMs: 1_000, now: () => 0 });
  const byKey: ContentAnswers = new Map(
    first.needsContent.map((test, index) => [contentTestKey(test), answers[index] ?? { result: "undecided" }]),
  );
  const second = runRules(compiled, { ...input, content: byKey });
  assert.deepEqual(second.needsContent, []);
  return second;
}

/** One scope of rules. */
export function scopeOf(scope: RuleScope, rules: readonly Rule[]): ScopeRules {
  return { scope, scopeId: scope, revision: "1", rules };
}
