import { decideContent } from "./evaluate-content.ts";
import { decideRecipient } from "./evaluate-recipient.ts";
import { evaluateSession } from "./evaluate-session.ts";
import { type Judging, judge, verdictOf } from "./judging.ts";
import type { PolicyState } from "./policy-state.ts";
import { reasons } from "./reasons.ts";
import type { Evaluation, Facts, Phase } from "./types.ts";

function missing(judging: Judging): Evaluation {
  const needs = [...new Set(judging.needs)];
  return judging.needTenant === undefined ? { needs } : { needs, tenantId: judging.needTenant };
}

/**
 * Judges facts by a policy: pure, and equal facts and policy give an equal verdict. `rcpt` and `data` judge everything
 * that earlier phases saw again, now with the tenant's own policy. Answers the facts it needs when it cannot decide
 * without them; a fact once given, even as failed, is not asked for again.
 */
export function evaluatePolicy(state: PolicyState, phase: Phase, facts: Facts, explain: boolean): Evaluation {
  const judging = judge(state, facts, explain);
  if (phase !== "rcpt" && phase !== "data") return evaluateSession(judging, phase);
  const outcome = decideRecipient(judging);
  if (!outcome || judging.needs.length > 0) return missing(judging);
  const passed = reasons[outcome.finding.reason].action === "accept";
  const finding = phase === "data" && passed ? decideContent(judging, outcome) : outcome.finding;
  return { verdict: verdictOf(judging, finding, outcome.account, outcome) };
}
