import type { CompiledPolicy, Facts, Need, Phase, ScopePath, Verdict } from "../types.ts";
import { rulesFactUnder } from "./rules-under.ts";

/** A verdict that was recorded: its facts, and the phase it fell in. */
export interface JudgedFacts {
  readonly facts: Facts;
  readonly phase: Phase;
}

/** How far the session had come: a refusal found earlier is answered where the recipient was known. */
function reachedPhases({ facts, phase }: JudgedFacts): ReadonlySet<Phase> {
  const reached: Phase = facts.content !== undefined ? "data" : facts.recipient !== undefined ? "rcpt" : phase;
  return new Set<Phase>([reached, phase]);
}

/** What cannot be left out, as it reads when nothing is known: a sender or peer of nobody here. */
const nothing: { readonly [Name in Need]?: Partial<Facts> } = {
  host: { host: { status: "none" } },
  senderOwner: { senderOwner: null },
  peerTenant: { peerTenant: null },
};

/**
 * The verdict of a policy on recorded facts, with its trace when asked for. Facts that were not recorded count as saying
 * nothing. Undefined when facts of another engine version cannot be read.
 */
export function judgeRecorded(
  policy: CompiledPolicy,
  recorded: JudgedFacts,
  options: { readonly explain?: boolean } = {},
): Verdict | undefined {
  for (const phase of reachedPhases(recorded)) {
    const verdict = judgeIn(phase, policy, { recorded, options });
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function judgeIn(
  phase: Phase,
  policy: CompiledPolicy,
  { options, recorded }: { readonly recorded: JudgedFacts; readonly options: { readonly explain?: boolean } },
): Verdict | undefined {
  let { facts } = recorded;
  try {
    for (let round = 0; round <= Object.keys(nothing).length; round++) {
      const { needs, verdict } = policy.evaluate(phase, facts, { ...options, recorded: true });
      if (verdict !== undefined) return verdict;
      for (const need of needs) facts = { ...facts, ...nothing[need] };
    }
  } catch {
    // Facts written by another engine version may lack what this one reads.
  }
  return undefined;
}

/** Facts that a policy would have asked for and that were not recorded. */
export function unaskedFacts(policy: CompiledPolicy, recorded: JudgedFacts): readonly Need[] {
  for (const phase of reachedPhases(recorded)) {
    try {
      return policy.evaluate(phase, recorded.facts).needs ?? [];
    } catch {
      // As above.
    }
  }
  return [];
}

/** Scopes whose rules ran: the recipient's, or those of the account that it was relayed for. */
export function rulesPath({ recipient }: Facts, account: Pick<Verdict, "tenantId" | "resellerId">): ScopePath {
  const found = recipient?.found;
  if (found === undefined || found.kind === "foreign") {
    const { resellerId, tenantId } = account;
    return { ...(tenantId === undefined ? {} : { tenantId }), ...(resellerId === undefined ? {} : { resellerId }) };
  }
  const { domainId, resellerId, tenantId } = found.domain;
  const only = found.kind === "local" && found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  return { resellerId, tenantId, domainId, ...(only === undefined ? {} : { mailboxId: only }) };
}

/**
 * Recorded facts as a changed policy would have found them: what rules said depends on the rules. Undefined when only the
 * message itself could tell.
 */
export function factsUnder(
  facts: Facts,
  path: ScopePath,
  { after, before }: { readonly before: CompiledPolicy; readonly after: CompiledPolicy },
): Facts | undefined {
  const rules = facts.content?.rules;
  if (facts.content === undefined) return facts;
  const [old, now] = [before.rules(path), after.rules(path)];
  if (rules === undefined) {
    // No rule of the right direction was there to ask; a new one cannot be asked any more.
    return now.length === 0 || JSON.stringify(old) === JSON.stringify(now) ? facts : undefined;
  }
  const told = rulesFactUnder(rules, old, now);
  if (told === undefined) return undefined;
  return told === rules ? facts : { ...facts, content: { ...facts.content, rules: told } };
}
