import { decideContent } from "./evaluate-content.ts";
import { decideRecipient } from "./evaluate-recipient.ts";
import { evaluateSession } from "./evaluate-session.ts";
import { type Judging, judge, verdictOf } from "./judging.ts";
import type { PolicyState } from "./policy-state.ts";
import { reasons } from "./reasons.ts";
import type { EvaluateOptions, Evaluation, Facts, Phase } from "./types.ts";

function missing(judging: Judging): Evaluation {
  return { needs: judging.needs, ...judging.asking };
}

/**
 * Judges facts by a policy: pure, and equal facts and policy give an equal verdict. `rcpt` and `data` judge everything
 * that earlier phases saw again, now with the tenant's own policy. Answers the facts it needs when it cannot decide
 * without them; a fact once given, even as failed, is not asked for again.
 */
export function evaluatePolicy(
  state: PolicyState,
  phase: Phase,
  facts: Facts,
  options: EvaluateOptions = {},
): Evaluation {
  const judging = judge(state, phase, facts, options);
  if (phase !== "rcpt" && phase !== "data") return evaluateSession(judging, phase);
  const outcome = decideRecipient(judging);
  if (!outcome || judging.needs.length > 0) return missing(judging);
  const passed = reasons[outcome.finding.reason].action === "accept";
  const finding = phase === "data" && passed ? decideContent(judging, outcome) : outcome.finding;
  if (!finding) return missing(judging);
  return { verdict: verdictOf(judging, finding, outcome.account, outcome) };
}
