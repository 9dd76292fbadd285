import type { Scope, SenderList } from "@mailfold/domain";
import type { ResellerId, SenderEntryId, TenantId } from "@mailfold/kernel";
import type { EffectiveSetting } from "@mailfold/policy";
import type { ListingRecord } from "../records/listings.ts";

/** An entry of an accept or kill list, as the API shows it. */
export interface SenderEntryRecord {
  readonly entryId: SenderEntryId;
  readonly scope: Scope;
  readonly list: SenderList;
  readonly pattern: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  readonly note?: string;
  readonly trustUnverified: boolean;
  /** UUID of the event that set it. */
  readonly byEvent: string;
}

/** An entry of any list: a learned one has its listing's id. */
export interface ShownSenderEntry extends Omit<SenderEntryRecord, "entryId" | "list"> {
  readonly entryId: string;
  readonly list: SenderList | "learned";
  readonly listing?: ListingRecord;
}

/** A scope with where it belongs. */
export interface PlacedScope {
  readonly scope: Scope;
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
}

/** Settings in force at a scope. */
export interface EffectivePolicy {
  readonly placed: PlacedScope;
  readonly settings: readonly EffectiveSetting[];
}
