import type { VerdictRecorded } from "@mailfold/events";
import { uuidV7 } from "@mailfold/ids";
import type {
  Actor,
  DomainEvent,
  EventMetadata,
  MailboxId,
  MessageId,
  NewEvent,
  ResellerId,
  TenantId,
  VerdictId,
} from "@mailfold/kernel";
import type { Facts } from "@mailfold/policy";
import type { Judged } from "./judge.ts";

/** Where an event of the SMTP edge comes from. */
export interface Origin {
  readonly sessionId: string;
  readonly transactionId: MessageId;
}

/** What a verdict event says beside the verdict: known only once the message is here. */
export interface MessageNotes {
  readonly messageIdHeader?: string | undefined;
  readonly subject?: string | undefined;
  readonly sizeBytes?: number | undefined;
  readonly mailboxId?: MailboxId | undefined;
}

/** Who acted: the login, or the peer's address. */
function actorOf(facts: Facts): Actor {
  return facts.login === undefined ? { type: "peer", id: facts.ip } : { type: "mailbox", id: facts.login.mailboxId };
}

/** Whose an event is; both absent = the platform's. */
export interface Owner {
  readonly tenantId?: TenantId | undefined;
  readonly resellerId?: ResellerId | undefined;
}

/** Metadata of an event about one recipient. A verdict is its account's; a copy belongs to the mailbox's tenant. */
export function eventMetadata(facts: Facts, owner: Owner, origin: Origin): EventMetadata {
  return {
    ...(owner.tenantId === undefined ? {} : { tenantId: owner.tenantId }),
    ...(owner.resellerId === undefined ? {} : { resellerId: owner.resellerId }),
    actor: actorOf(facts),
    correlationId: origin.transactionId,
    context: { ip: facts.ip, protocol: facts.listener, sessionId: origin.sessionId },
  };
}

/** An event ready to append, with a fresh id. */
export function newEvent<E extends DomainEvent>(
  type: E["type"],
  data: E["data"],
  rest: { readonly metadata: EventMetadata; readonly occurredAt: number },
): NewEvent<E> {
  return { id: uuidV7(), type, data, ...rest };
}

/** VerdictRecorded of one judged recipient. */
export function verdictEvent(
  judged: Judged,
  of: {
    readonly verdictId: VerdictId;
    readonly origin: Origin;
    readonly occurredAt: number;
    /** Made before, for another event of the same owner. */
    readonly metadata?: EventMetadata;
  },
  notes: MessageNotes = {},
): NewEvent<VerdictRecorded> {
  const { verdict, facts } = judged;
  const { decisive } = verdict;
  const data: VerdictRecorded["data"] = {
    verdictId: of.verdictId,
    transactionId: of.origin.transactionId,
    action: verdict.action,
    code: verdict.code,
    enhancedCode: verdict.enhancedCode,
    text: verdict.text,
    reason: verdict.reason,
    phase: verdict.phase,
    scope: verdict.scope,
    ...(verdict.policyEvent === undefined ? {} : { policyEvent: verdict.policyEvent }),
    engineVersion: verdict.engineVersion,
    decisiveLine: {
      step: decisive.step,
      ...(decisive.setting === undefined ? {} : { setting: decisive.setting }),
      ...(decisive.setAtScope === undefined ? {} : { setAtScope: decisive.setAtScope }),
      ...(decisive.byEvent === undefined ? {} : { byEvent: decisive.byEvent }),
      ...(decisive.detail === undefined ? {} : { detail: decisive.detail }),
    },
    ...(verdict.byLists === true ? { byLists: true } : {}),
    facts: facts as unknown as Readonly<Record<string, unknown>>,
    ...(notes.messageIdHeader === undefined ? {} : { messageIdHeader: notes.messageIdHeader }),
    ...(notes.subject === undefined ? {} : { subject: notes.subject }),
    ...(notes.sizeBytes === undefined ? {} : { sizeBytes: notes.sizeBytes }),
    ...(notes.mailboxId === undefined ? {} : { mailboxId: notes.mailboxId }),
    ...(judged.shadows === undefined ? {} : { shadows: judged.shadows }),
  };
  return newEvent<VerdictRecorded>("VerdictRecorded", data, {
    metadata: of.metadata ?? eventMetadata(facts, verdict, of.origin),
    occurredAt: of.occurredAt,
  });
}
