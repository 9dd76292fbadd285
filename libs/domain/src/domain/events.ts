import type { DomainEvent, DomainId, TenantId } from "@mailfold/kernel";

/** `name` is always the lower-case A-label form. `verificationValue` is what the TXT record must hold. */
export type DomainAdded = DomainEvent<
  "DomainAdded",
  {
    readonly domainId: DomainId;
    readonly tenantId: TenantId;
    readonly name: string;
    readonly verificationValue: string;
  }
>;
export type DomainVerified = DomainEvent<
  "DomainVerified",
  {
    readonly domainId: DomainId;
    readonly tenantId: TenantId;
    readonly name: string;
    readonly method: "dns" | "platform";
  }
>;
export type DomainRemoved = DomainEvent<
  "DomainRemoved",
  { readonly domainId: DomainId; readonly tenantId: TenantId; readonly name: string }
>;
/** An unverified claim that ran out (14 days), or that yielded to another tenant's proof. */
export type DomainClaimLapsed = DomainEvent<
  "DomainClaimLapsed",
  {
    readonly domainId: DomainId;
    readonly tenantId: TenantId;
    readonly name: string;
    readonly cause: "expired" | "proven-by-other";
  }
>;
export type MailDomainEvent = DomainAdded | DomainVerified | DomainRemoved | DomainClaimLapsed;
