import type { DomainEvent, SenderEntryId } from "@mailfold/kernel";
import type { Scope } from "../scope.ts";

export type SenderList = "accept" | "kill";

/** `pattern` is canonical text (libs/policy parseSenderPattern). expiresAt: ms since the epoch. */
export type SenderEntryAdded = DomainEvent<
  "SenderEntryAdded",
  {
    readonly entryId: SenderEntryId;
    readonly scope: Scope;
    readonly list: SenderList;
    readonly pattern: string;
    readonly expiresAt?: number;
    readonly note?: string;
    /** Accept entries only: relay for this address without SPF; needs the platform's unlock. */
    readonly trustUnverified?: boolean;
  }
>;
export type SenderEntryRemoved = DomainEvent<
  "SenderEntryRemoved",
  { readonly entryId: SenderEntryId; readonly scope: Scope; readonly list: SenderList; readonly pattern: string }
>;
export type SenderEntryEvent = SenderEntryAdded | SenderEntryRemoved;
