import type { TenantId } from "@mailfold/kernel";
import type { Subject } from "./subjects.ts";
import { pointUnits, tallyAt } from "./tally.ts";

/** Whose list: the platform's, or a tenant's own. */
export type ListScope = "platform" | TenantId;
export type ListingAction = "defer" | "reject";

/** A listing in force, as the fold keeps it. */
export interface Listing {
  readonly action: ListingAction;
  readonly thresholdUnits: number;
  readonly listedAt: number;
  /** When it ends without further evidence, as announced. */
  readonly expiresAt: number;
  /** When the fold must look again: the announced or the true end, whichever comes first. */
  readonly dueAt: number;
}

/** The spam share as it stood, for people: parts of 10,000, and decayed mails. */
export interface ListingShare {
  readonly lowerBound: number;
  readonly mail: number;
  readonly spam: number;
}

interface DecisionBase {
  /** The same for the same decision in every replay: event ids derive from it, so that none is written twice. */
  readonly key: string;
  readonly at: number;
  readonly scope: ListScope;
  readonly subject: Subject;
  /** Points at `at`. */
  readonly score: number;
  readonly share: ListingShare;
}

/** A sender is listed, or its listing is raised to reject, or holds longer than was announced. */
export interface ListedDecision extends DecisionBase {
  readonly type: "listed";
  readonly change: "new" | "raised" | "renewed";
  readonly action: ListingAction;
  readonly halfLifeMs: number;
  /** Points that listed it. It ends below half of them. */
  readonly threshold: number;
  /** Since when it stands, in whatever action. */
  readonly listedAt: number;
  /** When the score falls below half the threshold if nothing else comes. */
  readonly expiresAt: number;
  /** Newest first, at most 100. */
  readonly evidenceIds: readonly string[];
  /** How much evidence stands beside the named one. */
  readonly evidenceRest: number;
  /** How many tenants bear witness: outside one's own subtree evidence is a count. */
  readonly tenants: number;
}

/** A listing ended. */
export interface DelistedDecision extends DecisionBase {
  readonly type: "delisted";
  readonly cause: "decayed" | "evidence" | "pardoned" | "voided";
  readonly listedAt: number;
}
export type ListingDecision = ListedDecision | DelistedDecision;

/** What is left of a listing at any later time, from the listing alone: points, and whether it is in force. */
export function listingAt(
  listing: Pick<ListedDecision, "score" | "at" | "halfLifeMs" | "threshold">,
  at: number,
): { readonly score: number; readonly isInForce: boolean } {
  const value = Math.round(listing.score * pointUnits);
  const units = tallyAt({ value, at: listing.at, halfLifeMs: listing.halfLifeMs }, at);
  return { score: units / pointUnits, isInForce: 2 * units >= Math.round(listing.threshold * pointUnits) };
}
