import type { RulesFact } from "../content-facts.ts";
import { judgeOn, type Lookups } from "../policy-test-world.ts";
import type { CompiledPolicy, Facts, Verdict } from "../types.ts";
import { type JudgedFacts, rulesPath } from "./judge-recorded.ts";

type StoredRule = {
  readonly name: string;
  readonly all: readonly [];
  readonly actions: readonly { readonly do: string }[];
};

/** What rules that hold for every message say: all of them until one stops. */
function rulesSaid(policy: CompiledPolicy, facts: Facts, account: Pick<Verdict, "tenantId" | "resellerId">): RulesFact {
  const matched: RulesFact["matched"][number][] = [];
  const actions: RulesFact["actions"][number][] = [];
  for (const { rules, scope } of policy.rules(rulesPath(facts, account))) {
    for (const { actions: own, name } of rules as unknown as readonly StoredRule[]) {
      matched.push({ rule: name, scope: scope.kind });
      const isDecided = actions.some(({ action }) => ["reject", "quarantine", "discard"].includes(action.do));
      for (const action of own) {
        const decides = ["reject", "quarantine", "discard"].includes(action.do);
        if (action.do !== "stop" && !(decides && isDecided)) {
          actions.push({ action: action as never, rule: name, scope: scope.kind });
        }
      }
      if (own.some((action) => action.do === "stop")) break;
    }
  }
  return { matched, actions, undecided: [] };
}

/** A transaction as an edge would record it: RCPT, and DATA when RCPT took the mail. */
export function recordOf(policy: CompiledPolicy, facts: Facts, lookups: Lookups = {}): JudgedFacts {
  const { content, origin, ...envelope } = facts;
  const atRcpt = judgeOn(policy, "rcpt", envelope, lookups);
  const { verdict } = atRcpt;
  if (content === undefined || verdict.action === "reject" || verdict.action === "defer") {
    return { facts: atRcpt.facts, phase: verdict.phase };
  }
  const said = { ...lookups, rules: rulesSaid(policy, facts, verdict) };
  const atData = judgeOn(
    policy,
    "data",
    { ...atRcpt.facts, content, ...(origin === undefined ? {} : { origin }) },
    said,
  );
  return { facts: atData.facts, phase: atData.verdict.phase };
}
