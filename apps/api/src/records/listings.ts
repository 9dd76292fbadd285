import type { ListingSubject } from "@mailfold/domain";
import { parseId } from "@mailfold/ids";
import type { Position, Row } from "@mailfold/kernel";
import {
  type ListingChangeRow,
  type ListingRow,
  listingChangeOf,
  listingOf,
  listings,
  type PardonRow,
  pardonOf,
} from "@mailfold/projection-listings";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import { type Caller, mayReach } from "../caller.ts";

/** A learned listing as one caller may see it. */
export interface ListingRecord extends ListingRow {
  /** Of the platform's list, which the caller does not manage: it sees its own part of it. */
  readonly isForeign: boolean;
}

/** Whose lists are read: the platform's; a tenant's or all of a reseller, each with what the platform's stopped for it. */
export type ListOwner = "platform" | { readonly tenantId: string } | { readonly resellerId: string };

/** Where a page goes on: first the owner's own listings, then the platform's, each newest first. */
export interface ListingPlace {
  readonly part: "own" | "platform";
  /** Exclusive. */
  readonly before: Position;
}

interface ListingQuery {
  readonly owner: ListOwner;
  /** Only this subject's, as libs/reputation writes it. */
  readonly subject?: ListingSubject | undefined;
  /** Also those that are over. */
  readonly includeEnded: boolean;
  readonly first: number;
  readonly after?: ListingPlace | undefined;
  /** Now, ms since the epoch: a listing past its end stops nobody. */
  readonly at: number;
}

/** At most `first` listings, each with its place. */
interface ListingPage {
  readonly found: readonly { readonly listing: ListingRecord; readonly place: ListingPlace }[];
  readonly more: boolean;
  /** Where the next page goes on, when there is more. */
  readonly end: ListingPlace | undefined;
}

/** Learned listings of one caller's subtree, and of the platform's list what concerns it. */
export interface Listings {
  /** By id; foreign ones are missing ones. */
  find(id: string): ListingRecord | undefined;
  list(query: ListingQuery): Promise<ListingPage>;
  /** How it came to be what it is, newest first. */
  changes(listing: ListingRow): readonly ListingChangeRow[];
  findPardon(id: string): PardonRow | undefined;
  /** Pardons of a sender in one scope, newest first. */
  pardons(of: Pick<ListingRow, "scope" | "subject">): readonly PardonRow[];
}

const changesMax = 500;
const pardonsMax = 20;
const ofSubjectMax = 100;
/** Rows looked at for one page: what is over is passed over. */
const scannedMax = 1_000;

const key = ({ scope }: Pick<ListingRow, "scope">): string => (scope.kind === "platform" ? "platform" : scope.id);

/** Reads the listings for a caller. */
export function createListings(rows: ReadStore, caller: Caller): Listings {
  const changes = (listing: Pick<ListingRow, "listingId">): readonly ListingChangeRow[] =>
    rows
      .select(listings, "changes", {
        where: { listingId: listing.listingId },
        orderBy: ["position"],
        descending: true,
        limit: changesMax,
      })
      .map(listingChangeOf);
  const shown = (row: Row | undefined): ListingRecord | undefined => {
    const listing = row && listingOf(row);
    if (listing === undefined) return undefined;
    if (listing.scope.kind === "platform" && caller.scope.kind !== "platform") {
      return concerns(rows, caller, listing, changes) ? { ...listing, isForeign: true } : undefined;
    }
    return mayReach(caller, listing) ? { ...listing, isForeign: false } : undefined;
  };
  const reader = { rows, shown, changes };
  return {
    find(id) {
      const listingId = parseId("listing", id);
      return listingId && shown(rows.get(listings, "listings", { listingId }));
    },
    list: (query) => (query.subject === undefined ? listPage(reader, query) : listOfSubject(reader, query)),
    changes,
    findPardon(id) {
      const pardonId = parseId("pardon", id);
      const row = pardonId && rows.get(listings, "pardons", { pardonId });
      const pardon = row && pardonOf(row);
      return pardon && mayReach(caller, pardon) ? pardon : undefined;
    },
    pardons(of) {
      const { subject } = of;
      if (subject === null) return [];
      const where = { scope: key(of), subjectKind: subject.kind, subject: subject.value };
      const query: RowQuery = { where, orderBy: ["position"], descending: true, limit: pardonsMax };
      return rows
        .select(listings, "pardons", query)
        .map(pardonOf)
        .filter((pardon) => mayReach(caller, pardon));
    },
  };
}

/** Equality that keeps a select within the caller's subtree. */
export function withinSubtree({ scope }: Caller): Row {
  switch (scope.kind) {
    case "platform":
      return {};
    case "reseller":
      return { resellerId: scope.id };
    case "tenant":
      return { tenantId: scope.id };
  }
}

/** Whether the platform's listing concerns the caller: it stopped mail of the subtree, or rests on evidence from there. */
function concerns(rows: ReadStore, caller: Caller, listing: ListingRow, changes: Listings["changes"]): boolean {
  const stopped = changes(listing).some(({ eventId }) => {
    const where = { byEvent: eventId, ...withinSubtree(caller) };
    return rows.select(listings, "blocked", { where, limit: 1 }).length > 0;
  });
  return (
    stopped ||
    listing.evidence.some((eventId) => {
      const row = rows.get(listings, "evidence", { eventId });
      return row !== undefined && mayReach(caller, row as Parameters<typeof mayReach>[1]);
    })
  );
}

interface Reader {
  readonly rows: ReadStore;
  shown(row: Row | undefined): ListingRecord | undefined;
  changes(listing: ListingRow): readonly ListingChangeRow[];
}

/** Whether a listing stops mail at an instant: past its end it does not, before an event says so. */
export function isInForce(listing: ListingRow, at: number): boolean {
  return listing.ended === undefined && listing.expiresAt > at;
}

const isWanted = (listing: ListingRow, { includeEnded, at }: ListingQuery) => includeEnded || isInForce(listing, at);

/** One sender has few listings, over all time: they are looked up and sorted here. */
async function listOfSubject({ rows, shown }: Reader, query: ListingQuery): Promise<ListingPage> {
  const { owner, subject, first, after } = query;
  const selected = await rows.selectAsync(listings, "listings", {
    where: { subject: subject?.value ?? "", subjectKind: subject?.kind ?? "" },
    orderBy: ["position"],
    descending: true,
    limit: ofSubjectMax * 10,
  });
  const all = selected.flatMap((row) => {
    const listing = shown(row);
    const part = listing && partOf(listing, owner);
    return listing && part && isWanted(listing, query) ? [{ listing, place: { part, before: listing.position } }] : [];
  });
  const ordered = [
    ...all.filter(({ place }) => place.part === "own"),
    ...all.filter(({ place }) => place.part !== "own"),
  ];
  const left = after === undefined ? ordered : ordered.filter(({ place }) => isBeyond(place, after));
  const found = left.slice(0, first);
  return { found, more: left.length > first, end: found.at(-1)?.place };
}

/** In which part of an owner's list a listing stands; undefined = in none. */
function partOf(listing: ListingRecord, owner: ListOwner): ListingPlace["part"] | undefined {
  if (listing.scope.kind === "platform") return owner === "platform" ? "own" : "platform";
  if (owner === "platform") return undefined;
  if ("tenantId" in owner) return listing.tenantId === owner.tenantId ? "own" : undefined;
  return listing.resellerId === owner.resellerId ? "own" : undefined;
}

function isBeyond(place: ListingPlace, after: ListingPlace): boolean {
  if (place.part !== after.part) return place.part === "platform";
  return place.before < after.before;
}

async function listPage(reader: Reader, query: ListingQuery): Promise<ListingPage> {
  const { owner, first, after } = query;
  const own = after?.part === "platform" ? undefined : await scan(reader, query, "own");
  const found = [...(own?.found ?? [])];
  if (own !== undefined && (own.more || found.length > first)) return cut(found, own, first);
  if (owner === "platform") return { found, more: false, end: undefined };
  const rest = await scan(reader, { ...query, first: first - found.length }, "platform");
  return cut([...found, ...rest.found], rest, first);
}

function cut(found: ListingPage["found"], { more, end }: ListingPage, first: number): ListingPage {
  if (found.length <= first) return { found, more, end };
  const page = found.slice(0, first);
  return { found: page, more: true, end: page.at(-1)?.place };
}

/** One part of a list from where the page begins: up to `first` + 1 listings, or as far as may be looked. */
async function scan(reader: Reader, query: ListingQuery, part: ListingPlace["part"]): Promise<ListingPage> {
  const { rows } = reader;
  const { after, first, owner } = query;
  const before = after?.part === part ? after.before : undefined;
  const isOwn = part === "own";
  const where: Row = {
    ...(owner === "platform"
      ? { scope: "platform" }
      : "tenantId" in owner && isOwn
        ? { scope: owner.tenantId }
        : owner),
    ...(isOwn && !query.includeEnded ? { current: 1 } : {}),
  };
  const selected = await rows.selectAsync(listings, isOwn ? "listings" : "concerns", {
    where,
    and: before === undefined ? [] : [["position", "<", before]],
    orderBy: ["position"],
    descending: true,
    limit: scannedMax,
  });
  const found: { listing: ListingRecord; place: ListingPlace }[] = [];
  let end: ListingPlace | undefined;
  for (const row of selected) {
    const place = { part, before: String(row.position) as Position };
    const listing = isOwn ? reader.shown(row) : concernOf(reader, row, query);
    if (listing !== undefined && isWanted(listing, query)) {
      if (found.length === first) return { found, more: true, end };
      found.push({ listing, place });
    }
    end = place;
  }
  return { found, more: selected.length === scannedMax, end };
}

/** The platform's listing that a row of `concerns` leads to, if no newer row leads to the same one. */
function concernOf({ rows, shown, changes }: Reader, row: Row, { owner }: ListingQuery): ListingRecord | undefined {
  const change = rows.get(listings, "changes", { eventId: row.byEvent ?? null });
  const listing = change && shown(rows.get(listings, "listings", { listingId: change.listingId ?? null }));
  if (listing === undefined || owner === "platform") return undefined;
  const isNewer = ({ eventId }: ListingChangeRow) => {
    const and = [["position", ">", row.position ?? null]] as const;
    return rows.select(listings, "blocked", { where: { byEvent: eventId, ...owner }, and, limit: 1 }).length > 0;
  };
  return changes(listing).some(isNewer) ? undefined : listing;
}
