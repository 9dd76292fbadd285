export { type CompiledRules, compileRules, RuleCache, type ScopeRules } from "./compile-rules.ts";
export { type ContentPool, createContentPool } from "./content-pool.ts";
export type { MatchedLine } from "./evaluate-condition.ts";
export { FairQueue } from "./fair-queue.ts";
export {
  type ContentAnswer,
  type ContentAnswers,
  type ContentTest,
  contentCharactersMax,
  contentTestKey,
  type MessageContent,
  matchContent,
} from "./match-content.ts";
export { type ParsedRule, type ParsedRules, parseRule, parseRules, readStoredRule } from "./parse-rule.ts";
export type { RuleProblem } from "./problems.ts";
export * from "./rule.ts";
export { RuleBudget } from "./rule-budget.ts";
export type { RuleInput } from "./rule-input.ts";
export { type MatchedRule, type RuleOutcome, type RuleSpending, runRules } from "./run-rules.ts";
export type { DroppedAction, PlacedAction } from "./settle-actions.ts";
