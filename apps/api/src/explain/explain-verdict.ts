import type { VerdictRecorded } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";
import {
  type CompiledPolicy,
  type Facts,
  type Phase,
  subjectsIn,
  type TraceLine,
  type Verdict,
} from "@mailfold/policy";
import type { Caller } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import { loadEvent } from "../records/find-event.ts";
import type { VerdictRecord } from "../records/verdict-records.ts";
import { maskFacts, maskLine } from "./mask-facts.ts";
import { policyAt } from "./policy-at.ts";
import { scopeNaming } from "./scope-naming.ts";

/** Why a verdict fell as it did, as far as the reader may know. */
export interface VerdictExplanation {
  readonly facts: unknown;
  readonly trace: readonly TraceLine[];
  /** The trace was recomputed under the policy of then and agrees; else it is the decisive line alone. */
  readonly exact: boolean;
}

/** Recomputes a verdict's trace from its recorded facts. Undefined when the event is gone (traffic expires). */
export async function explainVerdict(
  deps: OperationDeps,
  caller: Caller,
  record: VerdictRecord,
): Promise<VerdictExplanation | undefined> {
  const event = (await loadEvent(deps.journal.events, record)) as RecordedEvent<VerdictRecorded> | undefined;
  if (event === undefined) return undefined;
  const { data } = event;
  const recomputed = await recompute(deps, event);
  const trace = recomputed ?? [{ outcome: outcomeOf(data.action), ...data.decisiveLine } as TraceLine];
  const mayName = scopeNaming(deps.directory, caller, record.tenantId);
  return {
    facts: maskFacts(caller, data.facts),
    trace: trace.map((line) => maskLine(line, mayName)),
    exact: recomputed !== undefined,
  };
}

function outcomeOf(action: string): TraceLine["outcome"] {
  return action === "accept" ? "match" : "refuse";
}

/** The full trace, when evaluating the facts under the policy of then gives the recorded verdict again. */
async function recompute(
  deps: OperationDeps,
  event: RecordedEvent<VerdictRecorded>,
): Promise<readonly TraceLine[] | undefined> {
  const { data } = event;
  const facts = data.facts as unknown as Facts;
  const policy = await policyAt(deps, data.policyEvent, {
    scopes: scopesIn(facts, event),
    subjects: subjectsIn(facts),
  });
  if (policy === undefined) return undefined;
  const verdict = evaluateAgain(policy, facts, data.phase);
  if (verdict === undefined || verdict.reason !== data.reason || verdict.action !== data.action) return undefined;
  return verdict.trace;
}

function evaluateAgain(policy: CompiledPolicy, facts: Facts, recorded: Phase): Verdict | undefined {
  // A refusal found earlier is answered where the recipient was known: the facts say how far the session had come.
  const reached: Phase = facts.content !== undefined ? "data" : facts.recipient !== undefined ? "rcpt" : recorded;
  for (const phase of new Set<Phase>([reached, recorded])) {
    try {
      const { verdict } = policy.evaluate(phase, facts, { explain: true, recorded: true });
      if (verdict !== undefined) return verdict;
    } catch {
      // Facts written by another engine version may lack what this one reads: then the decisive line has to do.
    }
  }
  return undefined;
}

/** The scopes whose policy may have mattered: those that the facts name, and the platform. */
function scopesIn(facts: unknown, event: RecordedEvent): readonly string[] {
  const scopes = new Set<string>(["platform"]);
  const { tenantId, resellerId } = event.metadata;
  if (tenantId !== undefined) scopes.add(tenantId);
  if (resellerId !== undefined) scopes.add(resellerId);
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      if (typeof member !== "string") visit(member);
      else if (/^(tenantId|resellerId|domainId|mailboxId|relayTenant)$/.test(name)) scopes.add(member);
    }
  };
  visit(facts);
  return [...scopes].slice(0, scopesMax);
}
const scopesMax = 50;
