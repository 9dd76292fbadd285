import type { DomainEvent, ListingId } from "@mailfold/kernel";
import type { Scope } from "../scope.ts";

/** Whose list a learned listing stands on: the platform's, or a tenant's own. */
export type ListingScope = Extract<Scope, { readonly kind: "platform" | "tenant" }>;

/** Who can be listed (libs/reputation writes the values): an address or its /64, a /24 or /56, an aligned domain, a sender in it. */
export interface ListingSubject {
  readonly kind: "ip" | "prefix" | "domain" | "sender";
  readonly value: string;
}

/** The share of spam in a sender's mail as it stood: Wilson's lower bound (0 to 1, parts of 10,000), and decayed mails. */
export interface SpamShare {
  readonly lowerBound: number;
  readonly mail: number;
  readonly spam: number;
}

/** Learned from evidence: a sender is listed, raised to reject, or listed for longer than was announced. */
export type SenderListed = DomainEvent<
  "SenderListed",
  {
    /** The same while the listing stands: raised and renewed keep it. */
    readonly listingId: ListingId;
    readonly scope: ListingScope;
    /** Null once the tenant's key was erased. */
    readonly subject: ListingSubject;
    readonly change: "new" | "raised" | "renewed";
    readonly action: "defer" | "reject";
    /** Points at `at`; they fade by half in each half-life, so the score at any later time is known. */
    readonly score: number;
    /** Points that listed it; it ends below half of them. */
    readonly threshold: number;
    readonly share: SpamShare;
    readonly at: number;
    readonly listedAt: number;
    readonly halfLifeMs: number;
    /** When the score falls below half the threshold if nothing else comes. */
    readonly expiresAt: number;
    /** Ids of events, newest first, at most 100. */
    readonly evidence: readonly string[];
    /** All evidence that counts, the named one included. */
    readonly evidenceTotal: number;
    /** How many tenants bear witness. */
    readonly tenants: number;
    /** Id of the event that led here; absent where time alone did. */
    readonly causeEvent?: string;
  }
>;
/** A learned listing ended. */
export type SenderDelisted = DomainEvent<
  "SenderDelisted",
  {
    readonly listingId: ListingId;
    readonly scope: ListingScope;
    readonly subject: ListingSubject;
    /** `decayed`: time; `evidence`: the sender's favour; `pardoned`; `voided`: evidence was taken away by a pardon. */
    readonly cause: "decayed" | "evidence" | "pardoned" | "voided";
    readonly score: number;
    readonly share: SpamShare;
    readonly at: number;
    readonly listedAt: number;
    /** Id of the event that led here; absent where time alone did. */
    readonly causeEvent?: string;
  }
>;
export type ListingEvent = SenderListed | SenderDelisted;
