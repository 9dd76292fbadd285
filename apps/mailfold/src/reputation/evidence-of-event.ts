import type { PardonLifted, SenderPardoned } from "@mailfold/domain";
import { scopeId } from "@mailfold/domain";
import type { FlagsChanged, MessageMarked, ReputationTicked, VerdictRecorded } from "@mailfold/events";
import { type MailboxId, type RecordedEvent, streamKey } from "@mailfold/kernel";
import type { Evidence, EvidenceKind, EvidenceTenant, ListScope, ReputationInput } from "@mailfold/reputation";
import { peersOf, type SenderOfMail, senderOfVerdict } from "./sender-of-mail.ts";
import type { TenantsOfLog } from "./tenants-of-log.ts";

/** Events that something is learned from, or that take it back. */
export const learnedEventTypes = [
  "VerdictRecorded",
  "MessageMarked",
  "FlagsChanged",
  "SenderPardoned",
  "PardonLifted",
  "ReputationTicked",
] as const;

/** Streams that hold them. */
export const learnedStreams = ["verdict-", "mark-", "mail-", "pardon-", "reputation-"] as const;

/** Senders of mail that was taken, by the verdict that took it. */
export interface SendersByVerdict {
  get(verdictId: string): SenderOfMail | undefined;
  put(verdictId: string, sender: SenderOfMail): void;
}

/**
 * Reasons by which the content was found to be spam. What a rule, a list or a listing did is the doing of its owner, and never
 * evidence; a failed DMARC says that somebody forged, not who.
 */
const spamReasons: ReadonlySet<string> = new Set([
  "virus-found",
  "virus-quarantined",
  "virus-discarded",
  "spam-rejected",
  "spam-quarantined",
  "spam-junk",
  "spam-tagged",
  "spam-marked",
  "discarded-junk",
]);
/**
 * A mark on older mail counts for nothing: a rebuild that begins with a checkpoint of last week must still find the verdict of
 * every mail whose mark counted, and verdicts are kept for 90 days.
 */
const mailAgeMs = 75 * 86_400_000;
const takenActions: ReadonlySet<string> = new Set(["accept", "junk", "quarantine", "discard"]);

interface Told {
  readonly kind: EvidenceKind;
  readonly event: RecordedEvent;
  readonly tenant: EvidenceTenant;
  readonly from: SenderOfMail;
  readonly message?: Evidence["message"];
  readonly reporter?: MailboxId;
}

function evidenceOf({ kind, event, tenant, from, message, reporter }: Told): readonly Evidence[] {
  const { alignedDomain, sender } = from;
  // A relay that only the tenant trusts told where the mail came from, hence also whose SPF passed: no word for the platform.
  const named = {
    ...(alignedDomain === undefined ? {} : { alignedDomain }),
    ...(sender === undefined ? {} : { sender }),
  };
  return peersOf(from).map((peer) => ({
    kind,
    id: event.id,
    at: event.occurredAt,
    tenant,
    peer,
    ...(peer.trustedBy === "tenant" ? {} : named),
    ...(reporter === undefined ? {} : { reporter }),
    ...(message === undefined ? {} : { message }),
  }));
}

/** A verdict on one recipient's copy. Notes the sender of mail that is taken, since its reader may say more later. */
function ofVerdict(
  event: RecordedEvent<VerdictRecorded>,
  tenants: TenantsOfLog,
  senders: SendersByVerdict,
): readonly Evidence[] {
  const { data, metadata } = event;
  const tenant = metadata.tenantId === undefined ? undefined : tenants.tenant(metadata.tenantId);
  if (tenant === undefined) return [];
  const from = senderOfVerdict(data, (ip) => tenants.trustedBy(tenant, ip));
  if (from === undefined) return [];
  const told = { event, tenant, from };
  const { action, byLists = false, phase, reason, verdictId: key } = data;
  const at = event.occurredAt;
  if (reason === "recipient-unknown") return evidenceOf({ ...told, kind: "unknownRecipient" });
  if (reason === "recipient-spam-trap") {
    return evidenceOf({ ...told, kind: "trap", message: { key, at, taken: false } });
  }
  const isOurs = (data.facts as { recipient?: { found?: { kind?: string } } }).recipient?.found?.kind === "local";
  if (phase !== "data" || !isOurs) return [];
  const taken = takenActions.has(action);
  const message = { key, at, taken };
  if (taken) senders.put(key, { ...from, at });
  return [
    ...(taken ? evidenceOf({ ...told, kind: "accepted", message }) : []),
    // A score that reached its threshold by somebody's lists says what the lists hold.
    ...(spamReasons.has(reason) && !byLists ? evidenceOf({ ...told, kind: "contentSpam", message }) : []),
  ];
}

/** A user's word on a message; mail that a client put there itself has no verdict, hence it is no evidence. */
function ofMark(
  event: RecordedEvent<MessageMarked>,
  tenants: TenantsOfLog,
  senders: SendersByVerdict,
): readonly Evidence[] {
  const { mailboxId: reporter, mark, messageKey: key, verdictId } = event.data;
  const { tenantId } = event.metadata;
  const tenant = tenantId === undefined ? undefined : tenants.tenant(tenantId);
  const from = verdictId === undefined ? undefined : senders.get(verdictId);
  if (tenant === undefined || from === undefined || event.occurredAt - from.at > mailAgeMs) return [];
  const kind = mark === "spam" ? "userSpam" : "userNotSpam";
  return evidenceOf({ kind, event, tenant, from, reporter, message: { key, at: from.at, taken: true } });
}

/** A user read or answered messages; of several of one sender in one command one counts. */
function ofReading(
  event: RecordedEvent<FlagsChanged>,
  tenants: TenantsOfLog,
  senders: SendersByVerdict,
): readonly Evidence[] {
  const { firstRead = [], flags } = event.data;
  const { tenantId } = event.metadata;
  const tenant = tenantId === undefined ? undefined : tenants.tenant(tenantId);
  if (tenant === undefined || firstRead.length === 0) return [];
  const reporter = streamKey(event.stream) as MailboxId;
  const kind = flags.includes("\\Answered") ? "replied" : "read";
  return firstRead.flatMap((key) => {
    const from = senders.get(key);
    if (from === undefined || event.occurredAt - from.at > mailAgeMs) return [];
    return evidenceOf({ kind, event, tenant, from, reporter, message: { key, at: from.at, taken: true } });
  });
}

const listScope = (scope: SenderPardoned["data"]["scope"]): ListScope => scopeId(scope) as ListScope;

/** What an event tells the fold of reputations; nothing for most. */
export function inputsOf(
  event: RecordedEvent,
  tenants: TenantsOfLog,
  senders: SendersByVerdict,
): readonly ReputationInput[] {
  const at = event.occurredAt;
  switch (event.type) {
    case "VerdictRecorded":
      return ofVerdict(event as RecordedEvent<VerdictRecorded>, tenants, senders);
    case "MessageMarked":
      return ofMark(event as RecordedEvent<MessageMarked>, tenants, senders);
    case "FlagsChanged":
      return ofReading(event as RecordedEvent<FlagsChanged>, tenants, senders);
    case "SenderPardoned": {
      const { pardonId: id, scope, subject, until: untilAt, voided } = event.data as SenderPardoned["data"];
      // Null once the tenant's key was erased.
      if ((subject as unknown) === null) return [];
      return [{ kind: "pardonGranted", id, at, scope: listScope(scope), subject, untilAt, voidedEvidence: voided }];
    }
    case "PardonLifted": {
      const { pardonId, scope, subject } = event.data as PardonLifted["data"];
      if ((subject as unknown) === null) return [];
      return [{ kind: "pardonLifted", id: event.id, at, scope: listScope(scope), subject, pardonId }];
    }
    case "ReputationTicked":
      return [{ kind: "timePassed", at: (event.data as ReputationTicked["data"]).at }];
    default:
      return [];
  }
}
