import type { DomainEvent } from "@mailfold/kernel";

/** First event of every log. */
export type LogCreated = DomainEvent<"LogCreated", { readonly epoch: string; readonly at: number }>;
/** A restored backup starts a new epoch; at = max(clock, previous at + 1 s), ms since the epoch. */
export type LogRestored = DomainEvent<"LogRestored", { readonly epoch: string; readonly at: number }>;
/** One IP prefix refused for protocol abuse until a time. IPv4 /32 or IPv6 /64. */
export type IpDenied = DomainEvent<
  "IpDenied",
  { readonly prefix: string; readonly reason: string; readonly until: number; readonly detail?: string }
>;
export type PlatformEvent = LogCreated | LogRestored | IpDenied;
