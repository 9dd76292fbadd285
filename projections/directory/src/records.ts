import type { TokenScope } from "@mailfold/domain";
import type { AliasId, DomainId, MailboxId, ResellerId, Row, Sealed, TenantId, TokenId } from "@mailfold/kernel";
import type {
  AliasRecord,
  DomainRecord,
  MailboxRecord,
  ResellerRecord,
  TenantRecord,
  TokenRecord,
} from "./directory.ts";

/** Text of a column; an erased personal field reads as "". */
function text(row: Row, column: string): string {
  return String(row[column] ?? "");
}
function optional<Key extends string>(row: Row, column: Key): { readonly [K in Key]?: string } {
  const value = row[column];
  return value === null || value === undefined ? {} : ({ [column]: String(value) } as { readonly [K in Key]?: string });
}

export function resellerOf(row: Row): ResellerRecord {
  return {
    resellerId: text(row, "resellerId") as ResellerId,
    name: text(row, "name"),
    ...optional(row, "externalId"),
    createdAt: Number(row.createdAt),
  };
}

export function tenantOf(row: Row): TenantRecord {
  return {
    tenantId: text(row, "tenantId") as TenantId,
    resellerId: text(row, "resellerId") as ResellerId,
    name: text(row, "name"),
    ...optional(row, "externalId"),
    switches: {
      login: row.loginOff === 1,
      submission: row.submissionOff === 1,
      inbound: row.inboundOff === 1,
      forwarding: row.forwardingOff === 1,
    },
    suspended: row.suspended === 1,
    ...optional(row, "suspensionReason"),
    createdAt: Number(row.createdAt),
  };
}

/** `resellerId` is the tenant's, when the caller knows it. */
export function domainOf(row: Row, resellerId: ResellerId | undefined): DomainRecord {
  return {
    domainId: text(row, "domainId") as DomainId,
    tenantId: text(row, "tenantId") as TenantId,
    resellerId: resellerId ?? (text(row, "resellerId") as ResellerId),
    name: text(row, "name"),
    verified: row.verified === 1,
    verificationValue: text(row, "verificationValue"),
    addedAt: Number(row.addedAt),
  };
}

/** `usedBytes` is asked for when it is read: it changes with every delivery, the row does not. */
export function mailboxOf(row: Row, resellerId: ResellerId | undefined, usedBytes: () => number): MailboxRecord {
  return {
    mailboxId: text(row, "mailboxId") as MailboxId,
    tenantId: text(row, "tenantId") as TenantId,
    resellerId: resellerId ?? (text(row, "resellerId") as ResellerId),
    domainId: text(row, "domainId") as DomainId,
    address: text(row, "address"),
    ...optional(row, "displayName"),
    quotaBytes: Number(row.quotaBytes),
    get usedBytes() {
      return usedBytes();
    },
    status: row.deleted === 1 ? "deleted" : row.suspended === 1 ? "suspended" : "active",
    verifier: JSON.parse(text(row, "verifier")) as Sealed,
    createdAt: Number(row.createdAt),
  };
}

export function aliasOf(row: Row): AliasRecord {
  return {
    aliasId: text(row, "aliasId") as AliasId,
    address: text(row, "address"),
    tenantId: text(row, "tenantId") as TenantId,
    domainId: text(row, "domainId") as DomainId,
    targets: JSON.parse(text(row, "targets")) as readonly MailboxId[],
  };
}

export function tokenOf(row: Row): TokenRecord {
  return {
    tokenId: text(row, "tokenId") as TokenId,
    subject: text(row, "subject"),
    name: text(row, "name"),
    scope: scopeOf(row),
    secretHash: JSON.parse(text(row, "secretHash")) as Sealed,
    ...(row.expiresAt === null || row.expiresAt === undefined ? {} : { expiresAt: Number(row.expiresAt) }),
    revoked: row.revoked === 1,
  };
}

function scopeOf(row: Row): TokenScope {
  if (row.scopeKind === "reseller") return { kind: "reseller", id: text(row, "scopeId") as ResellerId };
  if (row.scopeKind === "tenant") return { kind: "tenant", id: text(row, "scopeId") as TenantId };
  return { kind: "platform" };
}
