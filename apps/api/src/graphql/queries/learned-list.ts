import type { Position } from "@mailfold/kernel";
import { listings } from "@mailfold/projection-listings";
import { patternOf } from "../../operations/listing-subject.ts";
import type { PlacedScope, ShownSenderEntry } from "../../operations/policy-records.ts";
import { createListings, type ListingPlace, type ListingRecord, type ListOwner } from "../../records/listings.ts";
import type { ApiContext } from "../api-context.ts";
import { badRequest } from "../api-error.ts";
import { type ConnectionOf, type PageArgs, pageSize, toConnection } from "../connection.ts";
import { waitForPosition } from "../wait-for.ts";
import { readSenderListWhere, type senderListWhere } from "./sender-list-where.ts";

interface LearnedArgs extends PageArgs {
  readonly where?: typeof senderListWhere.$inferInput | null | undefined;
  readonly waitFor?: string | null | undefined;
}

function toCursor({ part, before }: ListingPlace): string {
  return Buffer.from(`${part} ${before}`, "utf8").toString("base64url");
}

function fromCursor(cursor: string | null | undefined): ListingPlace | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const match = /^(own|platform) ([\x21-\x7e]{1,64})$/.exec(Buffer.from(cursor, "base64url").toString("utf8"));
  if (match === null) throw badRequest("POSITION_INVALID", "after is not a cursor of this list.");
  return { part: match[1] as ListingPlace["part"], before: match[2] as Position };
}

/** A learned listing among the entries of lists. */
export function toLearnedEntry(listing: ListingRecord): ShownSenderEntry {
  const { listingId, scope, subject, expiresAt, byEvent } = listing;
  const pattern = subject === null ? "" : patternOf(subject);
  return { entryId: listingId, scope, list: "learned", pattern, expiresAt, trustUnverified: false, byEvent, listing };
}

/** Whose learned list a scope has: its tenant's; a reseller's are those of its tenants. */
function ownerOf({ scope, tenantId, resellerId }: PlacedScope): ListOwner {
  if (scope.kind === "platform") return "platform";
  return scope.kind === "reseller" ? { resellerId: resellerId ?? "" } : { tenantId: tenantId ?? "" };
}

/** A page of learned listings: a scope's own, newest first, then the platform's that concern it. */
export async function readLearned(
  context: ApiContext,
  { placed, args, isPast }: { readonly placed: PlacedScope; readonly args: LearnedArgs; readonly isPast: boolean },
): Promise<ConnectionOf<ShownSenderEntry>> {
  if (isPast) {
    throw badRequest("INVALID_INPUT", "Learned listings tell their own history (changes, scoreAt): ask without asOf.");
  }
  await waitForPosition(context, args.waitFor, [listings.name]);
  const { api, caller } = context;
  const { subject, includeEnded } = readSenderListWhere(args.where, true);
  const page = await createListings(api.deps.rows, caller).list({
    owner: ownerOf(placed),
    subject,
    includeEnded,
    first: pageSize(args),
    after: fromCursor(args.after),
    at: api.deps.clock.now(),
  });
  const cursorOf = new Map(page.found.map(({ listing, place }) => [listing.listingId as string, toCursor(place)]));
  const entries = page.found.map(({ listing }) => toLearnedEntry(listing));
  const connection = toConnection(entries, args, (entry) => cursorOf.get(entry.entryId) ?? "");
  const { end, more } = page;
  // What is over was passed over: the page may end beyond the last listing that it shows.
  const endCursor = more && end !== undefined ? toCursor(end) : connection.pageInfo.endCursor;
  return { ...connection, pageInfo: { ...connection.pageInfo, hasNextPage: more, endCursor } };
}
