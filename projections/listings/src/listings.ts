import {
  type ListingScope,
  type ListingSubject,
  type PardonLifted,
  type SenderDelisted,
  type SenderListed,
  type SenderPardoned,
  scopeId,
} from "@mailfold/domain";
import type { FlagsChanged, MessageMarked, VerdictRecorded } from "@mailfold/events";
import {
  projectWith,
  type RecordedEvent,
  type Row,
  type RowChange,
  type RowHandlers,
  type RowsProjection,
  streamKey,
} from "@mailfold/kernel";
import { type EvidenceKind, evidenceKindOf } from "./evidence-kind.ts";
import { listingTables } from "./listing-tables.ts";

type ListingsEvent =
  | SenderListed
  | SenderDelisted
  | SenderPardoned
  | PardonLifted
  | MessageMarked
  | FlagsChanged
  | VerdictRecorded;

function ownerOf({ metadata }: RecordedEvent) {
  return { tenantId: metadata.tenantId ?? null, resellerId: metadata.resellerId ?? null };
}

/** Whose list it is, whoever wrote the event. */
function listOwnerOf({ metadata }: RecordedEvent, scope: ListingScope) {
  if (scope.kind === "platform") return { tenantId: null, resellerId: null };
  return { tenantId: scope.id, resellerId: metadata.resellerId ?? null };
}

/** Null once the tenant's key was erased. */
function subjectRow(subject: ListingSubject | null) {
  return { subjectKind: subject?.kind ?? null, subject: subject?.value ?? null };
}

const handlers: RowHandlers<ListingsEvent> = {
  SenderListed: (event) => [{ put: "listings", row: listingRow(event) }, changeOf(event, event.data)],
  SenderDelisted: (event) => {
    const { listingId, cause, at } = event.data;
    const ended = { current: 0, endedAt: at, endedBy: cause };
    const change = { ...event.data, change: "delisted", action: null };
    return [{ patch: "listings", where: { listingId, current: 1 }, set: ended }, changeOf(event, change)];
  },
  SenderPardoned: (event) => {
    const { scope, subject } = event.data;
    const row: RowChange = { put: "pardons", row: pardonRow(event) };
    if (subject === null) return [row];
    // A new pardon takes the place of the one that stands; what that one voided stays void.
    const former = { ...pardonPlace(scope, subject), current: 1 };
    return [{ patch: "pardons", where: former, set: { current: 0 } }, row];
  },
  PardonLifted: ({ data: { pardonId }, occurredAt, metadata }) => {
    const lifted = { current: 0, liftedAt: occurredAt, liftedBy: metadata.actor.id };
    return [{ patch: "pardons", where: { pardonId, current: 1 }, set: lifted }];
  },
  MessageMarked: (event) => {
    const { mark, mailboxId, verdictId = null } = event.data;
    // Mail without a verdict is no evidence.
    if (verdictId === null) return [];
    const kind = mark === "spam" ? "userSpam" : "userNotSpam";
    return [evidenceRow(event, kind, { mailboxId, verdictId })];
  },
  FlagsChanged: (event) => {
    const { firstRead = [], flags } = event.data;
    const [verdictId] = firstRead;
    if (verdictId === undefined) return [];
    const kind = flags.includes("\\Answered") ? "replied" : "read";
    return [evidenceRow(event, kind, { mailboxId: streamKey(event.stream), verdictId, count: firstRead.length })];
  },
  VerdictRecorded: (event) => {
    const { reason, verdictId } = event.data;
    if (reason.startsWith("learned-")) return blockedRows(event);
    const kind = evidenceKindOf(event.data);
    return kind === undefined ? [] : [evidenceRow(event, kind, { verdictId })];
  },
};

function listingRow(event: RecordedEvent<SenderListed>): Row {
  const { data } = event;
  const { listingId, action, score, threshold, at, listedAt, halfLifeMs, expiresAt, evidenceTotal, tenants } = data;
  return {
    listingId,
    scope: scopeId(data.scope),
    ...listOwnerOf(event, data.scope),
    ...subjectRow(data.subject),
    action,
    score,
    threshold,
    shareLowerBound: data.share.lowerBound,
    shareMail: data.share.mail,
    shareSpam: data.share.spam,
    at,
    listedAt,
    halfLifeMs,
    expiresAt,
    evidence: JSON.stringify(data.evidence),
    evidenceTotal,
    tenants,
    current: 1,
    endedAt: null,
    endedBy: null,
    byEvent: event.id,
    position: event.position,
  };
}

function changeOf(
  event: RecordedEvent,
  data: Pick<SenderListed["data"], "listingId" | "score" | "at"> & {
    readonly change: string;
    readonly action: string | null;
    readonly causeEvent?: string;
  },
): RowChange {
  const { listingId, change, action, score, at, causeEvent = null } = data;
  const { id: eventId, position } = event;
  return { put: "changes", row: { eventId, listingId, change, action, score, at, causeEvent, position } };
}

function pardonPlace(scope: ListingScope, subject: ListingSubject | null) {
  return { scope: scopeId(scope), ...subjectRow(subject) };
}

function pardonRow(event: RecordedEvent<SenderPardoned>): Row {
  const { pardonId, scope, subject, until, voided, reason = null } = event.data;
  return {
    pardonId,
    ...pardonPlace(scope, subject),
    ...listOwnerOf(event, scope),
    until,
    voided: JSON.stringify(voided),
    reason,
    at: event.occurredAt,
    grantedBy: event.metadata.actor.id,
    current: 1,
    liftedAt: null,
    liftedBy: null,
    position: event.position,
  };
}

function evidenceRow(
  event: RecordedEvent,
  kind: EvidenceKind,
  about: { readonly mailboxId?: string; readonly verdictId: string; readonly count?: number },
): RowChange {
  const { id: eventId, occurredAt: at, position } = event;
  const { mailboxId = null, verdictId, count = 1 } = about;
  return { put: "evidence", row: { eventId, kind, at, ...ownerOf(event), mailboxId, verdictId, count, position } };
}

function blockedRows(event: RecordedEvent<VerdictRecorded>): readonly RowChange[] {
  const { verdictId, decisiveLine } = event.data;
  const { byEvent, setAtScope } = decisiveLine;
  if (byEvent === undefined) return [];
  const { position, occurredAt: at } = event;
  const owner = ownerOf(event);
  const blocked: RowChange = { put: "blocked", row: { verdictId, byEvent, ...owner, at, position } };
  if (setAtScope !== "platform" || owner.tenantId === null) return [blocked];
  return [blocked, { put: "concerns", row: { ...owner, byEvent, position } }];
}

/** Learned listings, the pardons from them, what stands behind them and what they stopped. */
export const listings: RowsProjection = {
  name: "listings",
  version: 1,
  tables: listingTables,
  handles: Object.keys(handlers),
  project: (event) => projectWith<ListingsEvent>(handlers, event),
};
