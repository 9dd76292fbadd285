import { assertNever } from "@mailfold/kernel";
import { type Evidence, isMark } from "./evidence.ts";
import { judgeSender } from "./judge-sender.ts";
import { defaultLearning, type LearningSettings, learningLimits } from "./learning-settings.ts";
import { type Ledger, ledgerOf, type Reputation } from "./ledger.ts";
import type { ListingDecision, ListScope } from "./listing.ts";
import { liftPardon, type PardonGranted, type PardonLifted, pardonSender } from "./pardon.ts";
import { passTime } from "./pass-time.ts";
import { addEvidence, newRecord } from "./sender-record.ts";
import { type IgnoredReason, type Subject, type SubjectKey, subjectKey, subjectsOf } from "./subjects.ts";
import { countMail, emptyTally, mailUnits, tallyAt } from "./tally.ts";

/** Everything that changes what is known of senders, in the order of the log. */
export type ReputationInput =
  | Evidence
  | PardonGranted
  | PardonLifted
  /** Time passed, told by any event of the log; never by a clock, or a replay would decide otherwise. */
  | { readonly kind: "timePassed"; readonly at: number }
  | {
      readonly kind: "settingsChanged";
      readonly at: number;
      readonly scope: ListScope;
      /** null = the defaults again. */
      readonly settings: LearningSettings | null;
    }
  /** A tenant is gone, with its list. What it told the platform fades by itself. */
  | { readonly kind: "scopeClosed"; readonly at: number; readonly scope: ListScope };

/** What an input led to. */
export interface LearningOutcome {
  readonly decisions: readonly ListingDecision[];
  /** Why evidence counted for nobody. */
  readonly ignored?: IgnoredReason;
}

/** Folds one input into `reputation`, which it changes, and answers what the learner has to record. */
export function learn(reputation: Reputation, input: ReputationInput): LearningOutcome {
  const decisions = passTime(reputation, input.at);
  switch (input.kind) {
    case "timePassed":
      return { decisions };
    case "settingsChanged":
      if (input.settings) reputation.settings.set(input.scope, input.settings);
      else reputation.settings.delete(input.scope);
      return { decisions };
    case "scopeClosed":
      reputation.ledgers.delete(input.scope);
      reputation.settings.delete(input.scope);
      reputation.tenantMail.delete(input.scope);
      return { decisions };
    case "pardonGranted":
      return { decisions: [...decisions, ...pardonSender(reputation, input)] };
    case "pardonLifted":
      return { decisions: [...decisions, ...liftPardon(reputation, input)] };
    case "userSpam":
    case "userNotSpam":
    case "contentSpam":
    case "trap":
    case "unknownRecipient":
    case "read":
    case "replied":
    case "accepted": {
      const outcome = learnEvidence(reputation, input);
      return { ...outcome, decisions: [...decisions, ...outcome.decisions] };
    }
    default:
      return assertNever(input);
  }
}

function isWellFormed({ kind, reporter, message, tenant }: Evidence): boolean {
  if (tenant.tenantId === ("platform" as string)) return false;
  if (kind === "accepted" || kind === "unknownRecipient") return true;
  if (message === undefined) return false;
  return reporter !== undefined || kind === "contentSpam" || kind === "trap";
}

function learnEvidence(reputation: Reputation, evidence: Evidence): LearningOutcome {
  const subjects = subjectsOf(evidence);
  if (typeof subjects === "string") return { decisions: [], ignored: subjects };
  if (!isWellFormed(evidence)) return { decisions: [], ignored: "malformed" };
  const { tenantId } = evidence.tenant;
  if (evidence.kind === "accepted" && evidence.peer.toldBy === undefined) countTenantMail(reputation, evidence);
  const learning = reputation.settings.get(tenantId) ?? defaultLearning;
  const scopes: ListScope[] = [];
  // A tenant's trusted relay says nothing to that tenant; to hide a spammer from all others is not its right.
  if (learning.learns && evidence.peer.trustedBy !== "tenant") scopes.push(tenantId);
  if (learning.gives && evidence.peer.toldBy === undefined && isWitness(reputation, evidence)) scopes.push("platform");
  if (scopes.length === 0) return { decisions: [], ignored: "notLearning" };
  const outcomes = scopes.flatMap((scope) => learnInScope(reputation, { scope, evidence, subjects }));
  const decisions = outcomes.flatMap((outcome) => outcome.decisions);
  const ignored = outcomes.every((outcome) => outcome.ignored !== undefined) ? outcomes[0]?.ignored : undefined;
  return { decisions, ...(ignored === undefined ? {} : { ignored }) };
}

/** Whether a tenant's word counts for the platform: 30 days old, and mail enough to know what it speaks of. */
function isWitness(reputation: Reputation, { tenant }: Evidence): boolean {
  const { now, tenantMail } = reputation;
  if (now - tenant.createdAt < learningLimits.tenantAgeMs) return false;
  return tallyAt(tenantMail.get(tenant.tenantId) ?? emptyTally, now) >= learningLimits.tenantMailMin * mailUnits;
}

function countTenantMail(reputation: Reputation, { tenant }: Evidence): void {
  const { now, tenantMail } = reputation;
  const before = tenantMail.get(tenant.tenantId) ?? emptyTally;
  tenantMail.set(tenant.tenantId, countMail(before, now, now, defaultLearning.halfLifeMs));
}

interface Learning {
  readonly scope: ListScope;
  readonly evidence: Evidence;
  readonly subjects: readonly Subject[];
}

function learnInScope(reputation: Reputation, learning: Learning): readonly LearningOutcome[] {
  const ledger = ledgerOf(reputation, learning.scope);
  return learning.subjects.map((subject) => {
    const key = subjectKey(subject);
    const { now } = reputation;
    if ((ledger.pardons.get(key)?.untilAt ?? 0) > now) return { decisions: [], ignored: "pardoned" };
    return learnOfSubject(reputation, ledger, { key, evidence: learning.evidence });
  });
}

function learnOfSubject(
  reputation: Reputation,
  ledger: Ledger,
  { key, evidence }: { readonly key: SubjectKey; readonly evidence: Evidence },
): LearningOutcome {
  const { now, settings } = reputation;
  const { halfLifeMs } = settings.get(ledger.scope) ?? defaultLearning;
  const known = ledger.records.get(key);
  const record = known ?? newRecord();
  if (evidence.kind === "accepted") {
    record.accepted = countMail(record.accepted, evidence.message?.at ?? now, now, halfLifeMs);
    if (!known) ledger.records.set(key, record);
    return { decisions: [] };
  }
  const ignored = addEvidence(record, evidence, { now, halfLifeMs, isPlatform: ledger.scope === "platform" });
  if (!known && record.items.length > 0) ledger.records.set(key, record);
  if (ignored !== undefined && !isMark(evidence.kind)) return { decisions: [], ignored };
  const sitting = { reputation, ledger, key, record, at: now, because: evidence.id };
  const decisions = judgeSender(sitting, "evidence");
  return { decisions, ...(ignored === undefined ? {} : { ignored }) };
}
