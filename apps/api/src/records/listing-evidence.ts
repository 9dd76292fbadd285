import { scopeId } from "@mailfold/domain";
import type { Position, Row } from "@mailfold/kernel";
import { type EvidenceRow, evidenceOf, listings } from "@mailfold/projection-listings";
import { quarantine } from "@mailfold/projection-quarantine";
import type { ReadStore } from "@mailfold/read-store";
import { type Caller, mayReach } from "../caller.ts";
import { createListings, type ListingRecord, withinSubtree } from "./listings.ts";

/** A piece of evidence that a listing names. */
export type EvidenceRecord = Pick<EvidenceRow, "eventId"> & Partial<EvidenceRow>;

/** What of a listing's evidence a caller may see, newest first; the rest is a number. */
export interface ShownEvidence {
  readonly items: readonly EvidenceRecord[];
  /** Outside the caller's subtree. */
  readonly elsewhere: number;
  /** The caller's own without a name: beyond the newest hundred. */
  readonly unnamed: number;
}

/** The evidence behind a listing. An event that has expired is an id and nothing else. */
export function readEvidence(rows: ReadStore, caller: Caller, listing: ListingRecord): ShownEvidence {
  const items: EvidenceRecord[] = [];
  for (const eventId of listing.evidence) {
    const row = rows.get(listings, "evidence", { eventId });
    const known = row && evidenceOf(row);
    if (known === undefined) {
      // Whose it was is known of the caller's own lists alone.
      if (!listing.isForeign) items.push({ eventId });
    } else if (mayReach(caller, known)) items.push(known);
  }
  if (listing.isForeign) return { items, elsewhere: listing.evidenceTotal - items.length, unnamed: 0 };
  return { items, elsewhere: 0, unnamed: listing.evidenceTotal - items.length };
}

/** Whether an event is evidence that somebody who manages this scope's list may declare void. */
export function isEvidenceOf(
  rows: ReadStore,
  scope: ListingRecord["scope"],
  named: { readonly eventId: string; readonly listing: ListingRecord | undefined },
): boolean {
  if (named.listing?.evidence.includes(named.eventId)) return true;
  const row = rows.get(listings, "evidence", { eventId: named.eventId });
  return row !== undefined && (scope.kind === "platform" || row.tenantId === scope.id);
}

/** What a listing stopped, within the caller's subtree. */
export interface BlockedMail {
  readonly count: number;
  /** There is more than was counted. */
  readonly isMore: boolean;
  /** The newest, newest first. */
  readonly verdictIds: readonly string[];
}

const countedMax = 1_000;
const blockedShownMax = 100;

/** Counts what a listing stopped. Floods are told apart from single verdicts and are not in it. */
export async function readBlocked(rows: ReadStore, caller: Caller, listing: ListingRecord): Promise<BlockedMail> {
  const found: Row[] = [];
  let isMore = false;
  for (const { eventId, change } of createListings(rows, caller).changes(listing)) {
    if (change === "delisted") continue;
    const selected = await rows.selectAsync(listings, "blocked", {
      where: { byEvent: eventId, ...withinSubtree(caller) },
      orderBy: ["position"],
      descending: true,
      limit: countedMax,
    });
    found.push(...selected);
    isMore ||= selected.length === countedMax;
    if (found.length >= countedMax) break;
  }
  found.sort((a, b) => (String(a.position) < String(b.position) ? 1 : -1));
  const verdictIds = found.slice(0, blockedShownMax).map((row) => String(row.verdictId));
  return { count: found.length, isMore, verdictIds };
}

/** Held copies looked at for one redelivery, the newest first. */
const heldScannedMax = 5_000;
const heldPage = 1_000;

/** UUIDs of the copies that are held because of a scope's listings of one sender, newest first; at most `limit` + 1. */
export async function heldBecauseOf(
  rows: ReadStore,
  of: Pick<ListingRecord, "scope" | "subject">,
  limit: number,
): Promise<readonly string[]> {
  const found: string[] = [];
  let before: Position | undefined;
  for (let scanned = 0; scanned < heldScannedMax; scanned += heldPage) {
    const page = await rows.selectAsync(quarantine, "holds", {
      where: { status: "held", ...(of.scope.kind === "platform" ? {} : { tenantId: of.scope.id }) },
      and: [["reason", "like", "learned-%"], ...(before === undefined ? [] : [["position", "<", before] as const])],
      orderBy: ["position"],
      descending: true,
      limit: heldPage,
    });
    for (const row of page) {
      if (isStoppedBy(rows, row, of)) found.push(String(row.holdId));
      if (found.length > limit) return found;
      before = String(row.position) as Position;
    }
    if (page.length < heldPage) break;
  }
  return found;
}

/** Whether a copy's verdict was decided by a listing of this sender on this list. */
function isStoppedBy(
  rows: ReadStore,
  { verdictId = null }: Row,
  of: Pick<ListingRecord, "scope" | "subject">,
): boolean {
  const stopped = rows.get(listings, "blocked", { verdictId });
  const change = stopped && rows.get(listings, "changes", { eventId: stopped.byEvent ?? null });
  const row = change && rows.get(listings, "listings", { listingId: change.listingId ?? null });
  if (row === undefined || of.subject === null) return false;
  const { kind, value } = of.subject;
  return row.scope === scopeId(of.scope) && row.subjectKind === kind && row.subject === value;
}
