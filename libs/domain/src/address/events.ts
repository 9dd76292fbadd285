import type { AliasId, DomainEvent, DomainId, MailboxId, TenantId } from "@mailfold/kernel";

/** Taken before the mailbox is created, so that uniqueness is one append. Without a mailbox it lapses after 60 s. */
export type AddressClaimed = DomainEvent<
  "AddressClaimed",
  {
    readonly address: string;
    readonly tenantId: TenantId;
    readonly domainId: DomainId;
    readonly mailboxId: MailboxId;
  }
>;
export type AddressReleased = DomainEvent<
  "AddressReleased",
  {
    readonly address: string;
    readonly tenantId: TenantId;
    readonly mailboxId: MailboxId;
    readonly cause: "deleted" | "lapsed";
  }
>;
/** An alias is the claim of its own address. Targets are mailboxes of the same tenant. */
export type AliasAdded = DomainEvent<
  "AliasAdded",
  {
    readonly aliasId: AliasId;
    readonly address: string;
    readonly tenantId: TenantId;
    readonly domainId: DomainId;
    readonly targets: readonly MailboxId[];
  }
>;
export type AliasRemoved = DomainEvent<
  "AliasRemoved",
  { readonly aliasId: AliasId; readonly address: string; readonly tenantId: TenantId }
>;
export type AddressEvent = AddressClaimed | AddressReleased | AliasAdded | AliasRemoved;
