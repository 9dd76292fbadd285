import { scopeId } from "@mailfold/domain";
import type { Row } from "@mailfold/kernel";
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

/** UUIDs of the copies that are held because of a scope's listings of one sender, newest first; at most `limit` + 1. */
export async function heldBecauseOf(
  rows: ReadStore,
  of: Pick<ListingRecord, "scope" | "subject">,
  limit: number,
): Promise<readonly string[]> {
  const { scope, subject } = of;
  if (subject === null) return [];
  const found: string[] = [];
  const where = { subject: subject.value, subjectKind: subject.kind, scope: scopeId(scope) };
  const recent = { where, orderBy: ["position"], descending: true, limit: 100 };
  for (const { listingId = null } of await rows.selectAsync(listings, "listings", recent)) {
    const changes = { where: { listingId }, orderBy: ["position"], descending: true, limit: 500 };
    for (const { eventId = null } of await rows.selectAsync(listings, "changes", changes)) {
      const stopped = { where: { byEvent: eventId }, orderBy: ["position"], descending: true, limit: countedMax };
      for (const { verdictId = null } of await rows.selectAsync(listings, "blocked", stopped)) {
        for (const { holdId = null } of rows.select(listings, "held", { where: { verdictId }, limit: 100 })) {
          if (rows.get(quarantine, "holds", { holdId })?.status === "held") found.push(String(holdId));
          if (found.length > limit) return found;
        }
      }
    }
  }
  return found;
}
