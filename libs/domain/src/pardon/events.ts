import type { DomainEvent, PardonId } from "@mailfold/kernel";
import type { ListingScope, ListingSubject } from "../listing/events.ts";

/** A sender is forgiven: delisted, and until then nothing is learned of it in this scope. */
export type SenderPardoned = DomainEvent<
  "SenderPardoned",
  {
    readonly pardonId: PardonId;
    readonly scope: ListingScope;
    /** Null once the tenant's key was erased. */
    readonly subject: ListingSubject;
    /** Milliseconds since the epoch. */
    readonly until: number;
    /** Ids of evidence events that count no longer, for any sender of the scope. */
    readonly voided: readonly string[];
    readonly reason?: string;
    /** What quarantine holds of the sender was to be delivered. */
    readonly redeliver?: boolean;
  }
>;
/** A pardon was taken back: what it voided counts again. */
export type PardonLifted = DomainEvent<
  "PardonLifted",
  {
    readonly pardonId: PardonId;
    readonly scope: ListingScope;
    readonly subject: ListingSubject;
    readonly reason?: string;
  }
>;
export type PardonEvent = SenderPardoned | PardonLifted;
