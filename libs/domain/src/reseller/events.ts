import type { DomainEvent, ResellerId } from "@mailfold/kernel";

export type ResellerCreated = DomainEvent<
  "ResellerCreated",
  { readonly resellerId: ResellerId; readonly name: string; readonly externalId?: string }
>;
export type ResellerEvent = ResellerCreated;
