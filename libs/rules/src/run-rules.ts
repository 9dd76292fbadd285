import type { CompiledRule, CompiledRules, RuleCache, ScopeRules } from "./compile-rules.ts";
import { type Evaluation, evaluateCondition, type MatchedLine } from "./evaluate-condition.ts";
import { type ContentTest, contentTestKey } from "./match-content.ts";
import type { PatternBudget } from "./match-text.ts";
import type { Rule, RuleScope } from "./rule.ts";
import { RuleBudget } from "./rule-budget.ts";
import { InputView, type RuleInput } from "./rule-input.ts";
import { type DroppedAction, type PlacedAction, settleActions } from "./settle-actions.ts";

/** A rule that holds for the message. `line` is the first text that made it true; absent when a number or an absence did. */
export interface MatchedRule {
  readonly rule: Rule;
  readonly scope: RuleScope;
  readonly line?: MatchedLine;
}

/** What the rules of all scopes say of one recipient's copy. */
export interface RuleOutcome {
  /** To be done, in order. Empty while needsContent is not. */
  readonly actions: readonly PlacedAction[];
  readonly dropped: readonly DroppedAction[];
  readonly matched: readonly MatchedRule[];
  /**
   * Tests of body and attachment names that must be answered first (`matchContent`, in a worker): then run again with
   * the answers as `content`. Empty = the outcome is complete.
   */
  readonly needsContent: readonly ContentTest[];
  /** Rules that a spent budget left open; they count as not matching. */
  readonly undecided: readonly { readonly rule: string; readonly scope: RuleScope }[];
}

/** At whose expense a run is: all runs on one message share one budget. */
export interface RuleSpending {
  readonly budget: RuleBudget;
  /** Whose the scopes below the resellers' are; by default nobody else's. */
  readonly tenantId?: string | undefined;
}

/**
 * Runs the rules from the platform down to the mailbox, in order. `stop` ends its scope, and lower scopes only if it says
 * so. Outbound rules of domains and mailboxes never run. Deterministic: no clock, no I/O.
 */
export function runRules(
  compiled: CompiledRules,
  input: RuleInput,
  spending: RuleSpending = { budget: new RuleBudget() },
): RuleOutcome {
  const view = new InputView(input);
  const matched: MatchedRule[] = [];
  const needs = new Map<string, ContentTest>();
  const undecided: { rule: string; scope: RuleScope }[] = [];
  for (const source of compiled.scopes) {
    if (input.direction === "outbound" && (source.scope === "domain" || source.scope === "mailbox")) continue;
    const scope = compiled.cache.scope(source);
    const budget = budgetOf(source, compiled.cache, spending);
    const run: Evaluation = { scope, view, patterns: compiled.cache.patterns, budget };
    const stop = runScope(run, (rule, outcome) => {
      if (outcome.is === true) {
        matched.push({ rule, scope: scope.scope, ...(outcome.line === undefined ? {} : { line: outcome.line }) });
      } else if (outcome.needs.length > 0) {
        for (const test of outcome.needs) needs.set(contentTestKey(test), test);
      } else undecided.push({ rule: rule.name, scope: scope.scope });
    });
    if (stop === "lower-scopes") break;
  }
  const needsContent = [...needs.values()];
  if (needsContent.length > 0) return { actions: [], dropped: [], matched: [], needsContent, undecided };
  return { ...settleActions(matched, input.held === true), matched, needsContent, undecided };
}

function budgetOf(
  { scope, scopeId }: ScopeRules,
  { prefilter }: RuleCache,
  { budget, tenantId = "" }: RuleSpending,
): PatternBudget {
  const owner = scope === "platform" || scope === "reseller" ? `${scope} ${scopeId}` : `tenant ${tenantId}`;
  return { literalsFirst: prefilter, test: (pattern, text) => budget.test(owner, pattern, text) };
}

type Told =
  | { readonly is: true; readonly line?: MatchedLine }
  | { readonly is: "unknown"; readonly needs: readonly ContentTest[] };

function runScope(run: Evaluation, tell: (rule: Rule, outcome: Told) => void): "stop" | "lower-scopes" | undefined {
  const { direction } = run.view.input;
  for (const { rule, condition } of run.scope.rules) {
    if ((rule.direction ?? "inbound") !== direction) continue;
    const outcome = evaluateCondition(condition, run);
    if (outcome.is === false) continue;
    tell(rule, outcome);
    if (outcome.is === "unknown") continue;
    const stop = stopOf(rule);
    // What an open rule above may say changes nothing here: where it stops too, this place is not reached either.
    if (stop !== undefined) return stop;
  }
  return undefined;
}

function stopOf(rule: CompiledRule["rule"]): "stop" | "lower-scopes" | undefined {
  const stops = rule.actions.filter((action) => action.do === "stop");
  if (stops.length === 0) return undefined;
  return stops.some((stop) => stop.lowerScopes === true) ? "lower-scopes" : "stop";
}
