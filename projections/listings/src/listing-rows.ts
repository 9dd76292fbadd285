import type { ListingScope, ListingSubject, SpamShare } from "@mailfold/domain";
import type { ListingId, PardonId, Position, ResellerId, Row, TenantId } from "@mailfold/kernel";
import type { EvidenceKind } from "./evidence-kind.ts";

/** Whose a row is; neither = the platform's. */
interface Owned {
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
}

/** A listing as its row has it: as it was told last. Times are ms since the epoch. */
export interface ListingRow extends Owned {
  readonly listingId: ListingId;
  readonly scope: ListingScope;
  /** Null once the tenant's key was erased. */
  readonly subject: ListingSubject | null;
  readonly action: "defer" | "reject";
  /** Points at `at`. */
  readonly score: number;
  readonly threshold: number;
  readonly share: SpamShare;
  readonly at: number;
  readonly listedAt: number;
  readonly halfLifeMs: number;
  readonly expiresAt: number;
  /** Ids of events, newest first. */
  readonly evidence: readonly string[];
  readonly evidenceTotal: number;
  readonly tenants: number;
  /** What ended it; absent while nothing has. Past its expiresAt it stops nobody, before an event says so. */
  readonly ended?: { readonly at: number; readonly cause: string };
  /** The newest SenderListed of it. */
  readonly byEvent: string;
  readonly position: Position;
}

/** A listing of a row of `listings`. */
export function listingOf(row: Row): ListingRow {
  return {
    listingId: String(row.listingId) as ListingId,
    ...ownedBy(row),
    ...placeOf(row),
    action: row.action as ListingRow["action"],
    score: Number(row.score),
    threshold: Number(row.threshold),
    share: {
      lowerBound: Number(row.shareLowerBound),
      mail: Number(row.shareMail),
      spam: Number(row.shareSpam),
    },
    at: Number(row.at),
    listedAt: Number(row.listedAt),
    halfLifeMs: Number(row.halfLifeMs),
    expiresAt: Number(row.expiresAt),
    evidence: JSON.parse(String(row.evidence)) as readonly string[],
    evidenceTotal: Number(row.evidenceTotal),
    tenants: Number(row.tenants),
    ...(row.endedAt === null ? {} : { ended: { at: Number(row.endedAt), cause: String(row.endedBy) } }),
    byEvent: String(row.byEvent),
    position: String(row.position) as Position,
  };
}

function ownedBy(row: Row): Owned {
  return {
    ...(typeof row.tenantId === "string" ? { tenantId: row.tenantId as TenantId } : {}),
    ...(typeof row.resellerId === "string" ? { resellerId: row.resellerId as ResellerId } : {}),
  };
}

function placeOf(row: Row): { readonly scope: ListingScope; readonly subject: ListingSubject | null } {
  const scope: ListingScope =
    row.scope === "platform" ? { kind: "platform" } : { kind: "tenant", id: String(row.scope) as TenantId };
  const { subjectKind: kind, subject: value } = row;
  const subject = typeof value === "string" ? { kind: kind as ListingSubject["kind"], value } : null;
  return { scope, subject };
}

/** An event that may be evidence, as its row has it. */
export interface EvidenceRow extends Owned {
  readonly eventId: string;
  readonly kind: EvidenceKind;
  readonly at: number;
  /** Who marked, read or answered. */
  readonly mailboxId?: string;
  /** Of the mail that it is about; of the first one, where it is about several. */
  readonly verdictId: string;
  /** How many mails it is about. */
  readonly count: number;
}

/** The evidence of a row of `evidence`. */
export function evidenceOf(row: Row): EvidenceRow {
  return {
    eventId: String(row.eventId),
    kind: row.kind as EvidenceKind,
    at: Number(row.at),
    ...ownedBy(row),
    ...(typeof row.mailboxId === "string" ? { mailboxId: row.mailboxId } : {}),
    verdictId: String(row.verdictId),
    count: Number(row.count),
  };
}

/** A pardon as its row has it. */
export interface PardonRow extends Owned {
  readonly pardonId: PardonId;
  readonly scope: ListingScope;
  readonly subject: ListingSubject | null;
  readonly until: number;
  /** Ids of events. */
  readonly voided: readonly string[];
  readonly reason: string | null;
  readonly at: number;
  /** Token id. */
  readonly grantedBy: string;
  /** Neither lifted nor replaced by another one. */
  readonly current: boolean;
  readonly lifted?: { readonly at: number; readonly by: string };
}

/** A pardon of a row of `pardons`. */
export function pardonOf(row: Row): PardonRow {
  return {
    pardonId: String(row.pardonId) as PardonId,
    ...ownedBy(row),
    ...placeOf(row),
    until: Number(row.until),
    voided: JSON.parse(String(row.voided)) as readonly string[],
    reason: typeof row.reason === "string" ? row.reason : null,
    at: Number(row.at),
    grantedBy: String(row.grantedBy),
    current: row.current === 1,
    ...(row.liftedAt === null ? {} : { lifted: { at: Number(row.liftedAt), by: String(row.liftedBy) } }),
  };
}

/** How a listing changed, as its row has it. */
export interface ListingChangeRow {
  readonly eventId: string;
  readonly listingId: ListingId;
  readonly change: "new" | "raised" | "renewed" | "delisted";
  readonly action: "defer" | "reject" | null;
  readonly score: number;
  readonly at: number;
}

/** A change of a row of `changes`. */
export function listingChangeOf(row: Row): ListingChangeRow {
  return {
    eventId: String(row.eventId),
    listingId: String(row.listingId) as ListingId,
    change: row.change as ListingChangeRow["change"],
    action: row.action as ListingChangeRow["action"],
    score: Number(row.score),
    at: Number(row.at),
  };
}
