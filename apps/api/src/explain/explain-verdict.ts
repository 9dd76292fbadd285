import { type Scope, scopeId } from "@mailfold/domain";
import type { VerdictRecorded } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";
import {
  type CompiledPolicy,
  engineVersion,
  entryPatterns,
  type Facts,
  type JudgedFacts,
  judgeRecorded,
  subjectsIn,
  type TraceLine,
  tenantsNaming,
  withoutDenials,
} from "@mailfold/policy";
import { type Caller, mayReach } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import { loadEvent } from "../records/find-event.ts";
import { createListings } from "../records/listings.ts";
import type { VerdictRecord } from "../records/verdict-records.ts";
import { above, counterfactualFor, type ShownCounterfactual, undecidable } from "./counterfactual.ts";
import { hiddenScope, isOutsider, type LineReader, maskFacts, maskLine, maskTrace } from "./mask-facts.ts";
import { policyAt } from "./policy-at.ts";
import { scopeNaming } from "./scope-naming.ts";

/** Why a verdict fell as it did, as far as the reader may know. */
export interface VerdictExplanation {
  readonly facts: unknown;
  readonly trace: readonly TraceLine[];
  /** The trace was recomputed under the policy of then and agrees; else it is the decisive line alone. */
  readonly exact: boolean;
  readonly engineVersion: number;
  /** What to be careful about, e.g. that another engine version decided. */
  readonly warning?: string;
  /** The learned listing that decided, where the reader may see it. */
  readonly listingId?: string;
  /** Searched for when it is asked for: it costs some hundred evaluations. */
  readonly counterfactual: () => ShownCounterfactual;
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
  const recorded: JudgedFacts = { facts: data.facts as unknown as Facts, phase: data.phase };
  const recomputed = await recompute(deps, event, recorded);
  const trace = recomputed?.trace ?? [{ outcome: outcomeOf(data.action), ...data.decisiveLine } as TraceLine];
  const reader = readerOf(deps, caller, event);
  const warning = warningOf(data.engineVersion, recomputed !== undefined);
  const isDecisiveShown = maskLine({ outcome: "refuse", ...data.decisiveLine }, reader).setAtScope !== hiddenScope;
  const listingId = reader.isOutsider ? undefined : listingOf(deps, caller, data.decisiveLine);
  return {
    facts: maskFacts(caller, data.facts),
    trace: maskTrace(trace, reader),
    exact: recomputed !== undefined,
    engineVersion: data.engineVersion,
    ...(warning === undefined ? {} : { warning }),
    ...(listingId === undefined ? {} : { listingId }),
    counterfactual: () => {
      // What another's policy would have said, and says today, is its own business.
      if (reader.isOutsider && !isDecisiveShown) return above;
      if (recomputed === undefined) return undecidable;
      const now = asThen(deps.policy.current(), data.reason);
      const shown = counterfactualFor(caller, recorded, { old: recomputed.policy, now });
      return reader.isOutsider ? { ...shown, today: null } : shown;
    },
  };
}

function readerOf(deps: OperationDeps, caller: Caller, { data, metadata }: RecordedEvent<VerdictRecorded>): LineReader {
  const own = mayReach(caller, metadata) ? metadata.tenantId : undefined;
  return { mayName: scopeNaming(deps.directory, caller, own), isOutsider: isOutsider(caller, data.facts) };
}

function outcomeOf(action: string): TraceLine["outcome"] {
  return action === "accept" ? "match" : "refuse";
}

function warningOf(decidedBy: number, isExact: boolean): string | undefined {
  if (decidedBy !== engineVersion) {
    const same = isExact ? "it comes to the same verdict, but may take other steps" : "it comes to another verdict";
    return `Decided by engine version ${decidedBy}; this is version ${engineVersion}: ${same}.`;
  }
  return isExact ? undefined : "The policy of then cannot be rebuilt: only the decisive line is known.";
}

/** The listing that a decisive line of a learned list names; one of others is none. */
function listingOf(
  deps: Pick<OperationDeps, "rows">,
  caller: Caller,
  { detail, step }: VerdictRecorded["data"]["decisiveLine"],
): string | undefined {
  const [, listingId] = step === "learned-list" ? (/^listing (lst_\w+) /.exec(detail ?? "") ?? []) : [];
  return listingId && createListings(deps.rows, caller).find(listingId)?.listingId;
}

/** The full trace and the policy of then, when evaluating the facts under it gives the recorded verdict again. */
async function recompute(
  deps: OperationDeps,
  event: RecordedEvent<VerdictRecorded>,
  recorded: JudgedFacts,
): Promise<{ readonly policy: CompiledPolicy; readonly trace: readonly TraceLine[] } | undefined> {
  const { data } = event;
  const found = await policyAt(deps, data.policyEvent, {
    scopes: scopesIn(recorded.facts, event, tenantsNaming(deps.policy.current(), recorded.facts)),
    subjects: subjectsIn(recorded.facts),
    patterns: entryPatterns(recorded.facts),
  });
  if (found === undefined) return undefined;
  const policy = asThen(found, data.reason);
  const verdict = judgeRecorded(policy, recorded, { explain: true });
  if (verdict === undefined || verdict.reason !== data.reason) return undefined;
  // Denials refused for good once; they still come of the same steps.
  if (verdict.action !== data.action && data.reason !== "ip-denied") return undefined;
  return { policy, trace: verdict.trace ?? [verdict.decisive] };
}

/** Denials say until when, not since when: of a peer that was not denied then, those of today came later. */
function asThen(policy: CompiledPolicy, reason: string): CompiledPolicy {
  return reason === "ip-denied" ? policy : withoutDenials(policy);
}

/** The scopes whose policy may have mattered: those that the facts name, and the platform. */
function scopesIn(
  facts: unknown,
  event: RecordedEvent,
  naming: readonly { readonly scope: Scope }[],
): readonly string[] {
  // Whoever names the peer today most likely did so then; where that is not so, the verdict does not come out the same.
  const scopes = new Set<string>(["platform", ...naming.map(({ scope }) => scopeId(scope))]);
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
