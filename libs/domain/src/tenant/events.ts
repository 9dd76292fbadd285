import type { DomainEvent, ResellerId, TenantId } from "@mailfold/kernel";

/** What is switched off while suspended. All false = active. */
export interface SuspensionSwitches {
  readonly login: boolean;
  readonly submission: boolean;
  readonly inbound: boolean;
  readonly forwarding: boolean;
}
export type SuspensionReason = "NON_PAYMENT" | "ABUSE" | "COMPROMISED" | "ADMIN" | "MIGRATION";

export type TenantCreated = DomainEvent<
  "TenantCreated",
  {
    readonly tenantId: TenantId;
    readonly resellerId: ResellerId;
    readonly name: string;
    readonly externalId?: string;
  }
>;
export type TenantSuspended = DomainEvent<
  "TenantSuspended",
  {
    readonly tenantId: TenantId;
    readonly switches: SuspensionSwitches;
    readonly reason: SuspensionReason;
    readonly note?: string;
  }
>;
/** `restored` = the switches in force before the first suspension of this spell. */
export type TenantResumed = DomainEvent<
  "TenantResumed",
  { readonly tenantId: TenantId; readonly restored: SuspensionSwitches }
>;
export type TenantEvent = TenantCreated | TenantSuspended | TenantResumed;
