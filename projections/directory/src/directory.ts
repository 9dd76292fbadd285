import type { SuspensionSwitches, TokenScope } from "@mailfold/domain";
import type { AliasId, DomainId, MailboxId, ResellerId, Sealed, TenantId, TokenId } from "@mailfold/kernel";

export interface ResellerRecord {
  readonly resellerId: ResellerId;
  readonly name: string;
  readonly externalId?: string;
  readonly createdAt: number;
}
export interface TenantRecord {
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly name: string;
  readonly externalId?: string;
  readonly switches: SuspensionSwitches;
  readonly suspended: boolean;
  readonly suspensionReason?: string;
  readonly createdAt: number;
}
export interface DomainRecord {
  readonly domainId: DomainId;
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly name: string;
  readonly verified: boolean;
  readonly verificationValue: string;
  readonly addedAt: number;
}
export interface MailboxRecord {
  readonly mailboxId: MailboxId;
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly domainId: DomainId;
  readonly address: string;
  readonly displayName?: string;
  readonly quotaBytes: number;
  /** From the usage summary; 0 when not yet known. */
  readonly usedBytes: number;
  readonly status: "active" | "suspended" | "deleted";
  readonly verifier: Sealed;
  readonly createdAt: number;
}
export interface AliasRecord {
  readonly aliasId: AliasId;
  readonly address: string;
  readonly tenantId: TenantId;
  readonly domainId: DomainId;
  readonly targets: readonly MailboxId[];
}
export interface TokenRecord {
  readonly tokenId: TokenId;
  readonly subject: string;
  readonly name: string;
  readonly scope: TokenScope;
  readonly secretHash: Sealed;
  readonly expiresAt?: number;
  readonly revoked: boolean;
}
export interface Page {
  readonly first: number;
  /** Object id to continue after. */
  readonly after?: string;
}

/** Point lookups over the directory's rows; synchronous, cached. Addresses and names are canonical. Deleted objects are not found by address or name. */
export interface Directory {
  reseller(id: ResellerId): ResellerRecord | undefined;
  tenant(id: TenantId): TenantRecord | undefined;
  domain(id: DomainId): DomainRecord | undefined;
  domainByName(name: string): DomainRecord | undefined;
  mailbox(id: MailboxId): MailboxRecord | undefined;
  mailboxByAddress(address: string): MailboxRecord | undefined;
  alias(id: AliasId): AliasRecord | undefined;
  aliasByAddress(address: string): AliasRecord | undefined;
  token(id: TokenId): TokenRecord | undefined;
  /** Mailboxes that an address delivers to (1 for a mailbox, an alias's live targets), or undefined when unknown. */
  resolve(address: string): readonly MailboxRecord[] | undefined;
  /** Canonical addresses a mailbox may send as: its own, and aliases that target it. */
  addressesOf(id: MailboxId): readonly string[];
  tenantByExternalId(resellerId: ResellerId, externalId: string): TenantRecord | undefined;
  resellerByExternalId(externalId: string): ResellerRecord | undefined;
  /** Whether a tenant other than this one held (or holds, verified) the name. */
  heldByOther(name: string, tenantId: TenantId): boolean;
  resellers(page: Page): readonly ResellerRecord[];
  tenants(where: { readonly resellerId?: ResellerId }, page: Page): readonly TenantRecord[];
  domains(where: { readonly tenantId: TenantId }, page: Page): readonly DomainRecord[];
  mailboxes(where: { readonly tenantId: TenantId; readonly domainId?: DomainId }, page: Page): readonly MailboxRecord[];
  aliases(where: { readonly tenantId: TenantId }, page: Page): readonly AliasRecord[];
  tokens(where: { readonly scope?: TokenScope }, page: Page): readonly TokenRecord[];
  /** Drops cached lookups; called when directory rows advance. */
  invalidate(): void;
}
