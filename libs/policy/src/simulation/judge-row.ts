import type { RulesFact } from "../content-facts.ts";
import type { Action, CompiledPolicy, Evaluation, Facts, Need, Phase, ScopedRules } from "../types.ts";

/** What becomes of a row: an action, or that a mail once refused before DATA would have come to be read. */
export const rowOutcomes = [
  "accept",
  "reject",
  "defer",
  "quarantine",
  "junk",
  "discard",
  "reaches-data",
] as const satisfies readonly (Action | "reaches-data")[];
export type RowOutcome = (typeof rowOutcomes)[number];

/** A policy's word on recorded facts. */
interface Judgement {
  /** Undefined: a fact is missing without which nothing can be decided. */
  readonly outcome: RowOutcome | undefined;
  /** Facts that the policy would have asked for and that were not recorded. */
  readonly needs: readonly Need[];
}

/** What a change does to one row. */
export type Comparison =
  /** Both judge alike, or lack the same facts. */
  | { readonly kind: "same"; readonly as: RowOutcome | undefined }
  | { readonly kind: "undecidable" }
  | { readonly kind: "changed"; readonly from: RowOutcome; readonly to: RowOutcome };

const undecidable: Comparison = { kind: "undecidable" };

/** How far a session had come: a refusal found earlier is answered where the recipient is known. */
function reachedPhase(facts: Facts, recorded: Phase): Phase {
  if (facts.content !== undefined) return "data";
  return facts.recipient === undefined ? recorded : "rcpt";
}

function outcomeOf({ verdict }: Evaluation, phase: Phase): RowOutcome | undefined {
  if (verdict === undefined) return undefined;
  return verdict.action === "accept" && phase !== "data" ? "reaches-data" : verdict.action;
}

/** Judges recorded facts by a policy; facts of another engine version that it cannot read at all are undecided. */
function judgeFacts(policy: CompiledPolicy, facts: Facts, phase: Phase): Judgement {
  try {
    const asked = policy.evaluate(phase, facts);
    if (asked.verdict !== undefined) return { outcome: outcomeOf(asked, phase), needs: [] };
    const told = policy.evaluate(phase, facts, { recorded: true });
    return { outcome: outcomeOf(told, phase), needs: asked.needs };
  } catch {
    return { outcome: undefined, needs: [] };
  }
}

function isRefusal(outcome: RowOutcome | undefined): boolean {
  return outcome === "reject" || outcome === "defer";
}

/**
 * Compares the policy in force with the changed one. A fact that only the changed one asks for was never recorded, so the
 * row is undecidable; one that both lack is as missing without the change. What was refused before DATA was refused before
 * everything was looked up: if the changed policy has nothing against the mail in what is known, it would have gone on.
 */
function compareJudgements(before: Judgement, after: Judgement, phase: Phase): Comparison {
  const asksMore = after.needs.some((need) => !before.needs.includes(need));
  const wasCutShort = phase !== "data" && isRefusal(before.outcome);
  if (asksMore && !(wasCutShort && after.outcome !== undefined)) return undecidable;
  if (before.outcome === after.outcome) return { kind: "same", as: before.outcome };
  if (before.outcome === undefined || after.outcome === undefined) return undecidable;
  return { kind: "changed", from: before.outcome, to: after.outcome };
}

/** Judges one row by both policies: the definition that everything faster must agree with. */
export function compareRow(
  policies: { readonly baseline: CompiledPolicy; readonly changed: CompiledPolicy },
  facts: Facts,
  recorded: Phase,
): Comparison {
  const phase = reachedPhase(facts, recorded);
  const before = judgeFacts(policies.baseline, facts, phase);
  return compareJudgements(before, judgeFacts(policies.changed, facts, phase), phase);
}

/** Runs rules on a recorded mail; undefined: they cannot be run on what is known of it. */
export type RulesRunner = (request: {
  readonly facts: Facts;
  readonly scopes: readonly ScopedRules[];
  readonly score: number | undefined;
}) => RulesFact | undefined;

/** Judges facts with the policy's own rules run anew instead of what rules said then. */
function judgeByRules(policy: CompiledPolicy, facts: Facts, run: RulesRunner): RowOutcome | undefined {
  const { content } = facts;
  if (content === undefined) return undefined;
  const { rules: _old, ...bare } = content;
  const first = policy.evaluate("data", { ...facts, content: bare });
  if (first.verdict !== undefined) return outcomeOf(first, "data");
  if (first.needs.length !== 1 || first.needs[0] !== "rules") return undefined;
  const rules = run({ facts, scopes: policy.rules(first.path ?? {}), score: first.score });
  if (rules === undefined) return undefined;
  return outcomeOf(policy.evaluate("data", { ...facts, content: { ...bare, rules } }), "data");
}

/** Compares a row where rules themselves are changed: both sides run theirs. */
export function compareRules(
  policies: { readonly baseline: CompiledPolicy; readonly changed: CompiledPolicy },
  facts: Facts,
  run: RulesRunner,
): Comparison {
  try {
    const before = judgeByRules(policies.baseline, facts, run);
    const after = judgeByRules(policies.changed, facts, run);
    if (before === undefined || after === undefined) return undecidable;
    return before === after ? { kind: "same", as: before } : { kind: "changed", from: before, to: after };
  } catch {
    return undecidable;
  }
}
