import type {
  AliasRecord,
  DomainRecord,
  MailboxRecord,
  ResellerRecord,
  TenantRecord,
  TokenRecord,
} from "@mailfold/projection-directory";
import { directoryOf } from "../../history/past-directory.ts";
import { createVisibleDirectory } from "../../visible-directory.ts";
import type { ApiContext } from "../api-context.ts";
import { builder } from "../builder.ts";

/** The directory as this request's caller may see it; `record` = as of the time that this record shows. */
export function visible(context: ApiContext, record: object = context) {
  return createVisibleDirectory(directoryOf(context.api.deps, record), context.caller);
}

const has = (value: unknown, ...keys: readonly string[]) =>
  typeof value === "object" && value !== null && keys.every((key) => key in value);

export const resellerRef = builder.objectRef<ResellerRecord>("Reseller");
export const tenantRef = builder.objectRef<TenantRecord>("Tenant");
export const domainRef = builder.objectRef<DomainRecord>("Domain");
export const mailboxRef = builder.objectRef<MailboxRecord>("Mailbox");
export const aliasRef = builder.objectRef<AliasRecord>("Alias");
export const tokenRef = builder.objectRef<TokenRecord>("Token");

const mailboxStatus = builder.enumType("MailboxStatus", {
  values: { ACTIVE: { value: "active" }, SUSPENDED: { value: "suspended" }, DELETED: { value: "deleted" } },
} as const);

builder.node(resellerRef, {
  description: "An ISP or hoster that sells mail under its brand.",
  id: { resolve: (reseller) => reseller.resellerId },
  isTypeOf: (value) => has(value, "resellerId", "name") && !has(value, "tenantId"),
  fields: (t) => ({
    name: t.exposeString("name"),
    externalId: t.exposeString("externalId", { nullable: true }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
  }),
});

const switchesRef = builder.objectRef<TenantRecord["switches"]>("SuspensionSwitches").implement({
  description: "What is switched off. All false = active.",
  fields: (t) => ({
    login: t.exposeBoolean("login"),
    submission: t.exposeBoolean("submission"),
    inbound: t.exposeBoolean("inbound"),
    forwarding: t.exposeBoolean("forwarding"),
  }),
});

builder.node(tenantRef, {
  description: "A customer organisation that owns domains and mailboxes.",
  id: { resolve: (tenant) => tenant.tenantId },
  isTypeOf: (value) => has(value, "tenantId", "switches"),
  fields: (t) => ({
    name: t.exposeString("name"),
    externalId: t.exposeString("externalId", { nullable: true }),
    reseller: t.field({
      type: resellerRef,
      nullable: true,
      description: "Null for the tenant's own tokens.",
      resolve: (tenant, _args, context) => visible(context, tenant).reseller(tenant.resellerId) ?? null,
    }),
    suspended: t.exposeBoolean("suspended"),
    suspensionReason: t.exposeString("suspensionReason", { nullable: true }),
    switches: t.expose("switches", { type: switchesRef }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
  }),
});

const verificationRef = builder.objectRef<DomainRecord>("DomainVerification").implement({
  description: "The DNS record that proves the domain.",
  fields: (t) => ({
    recordType: t.string({ resolve: () => "TXT" }),
    recordName: t.string({ resolve: (domain) => `_mailfold.${domain.name}` }),
    recordValue: t.exposeString("verificationValue"),
  }),
});

builder.node(domainRef, {
  description: "A mail domain of a tenant.",
  id: { resolve: (domain) => domain.domainId },
  isTypeOf: (value) => has(value, "domainId", "verificationValue"),
  fields: (t) => ({
    name: t.exposeString("name", { description: "Lower-case A-labels." }),
    tenant: t.field({
      type: tenantRef,
      nullable: true,
      resolve: (domain, _args, context) => visible(context, domain).tenant(domain.tenantId) ?? null,
    }),
    verified: t.exposeBoolean("verified"),
    verification: t.field({ type: verificationRef, resolve: (domain) => domain }),
    addedAt: t.expose("addedAt", { type: "DateTime" }),
  }),
});

builder.node(mailboxRef, {
  description: "A hosted account.",
  id: { resolve: (mailbox) => mailbox.mailboxId },
  isTypeOf: (value) => has(value, "mailboxId", "quotaBytes"),
  fields: (t) => ({
    address: t.exposeString("address"),
    displayName: t.exposeString("displayName", { nullable: true }),
    quotaBytes: t.expose("quotaBytes", { type: "Long" }),
    usedBytes: t.expose("usedBytes", {
      type: "Long",
      description: "Today's, also with asOf: use is mail, not administration.",
    }),
    status: t.expose("status", { type: mailboxStatus }),
    tenant: t.field({
      type: tenantRef,
      nullable: true,
      resolve: (mailbox, _args, context) => visible(context, mailbox).tenant(mailbox.tenantId) ?? null,
    }),
    domain: t.field({
      type: domainRef,
      nullable: true,
      resolve: (mailbox, _args, context) => visible(context, mailbox).domain(mailbox.domainId) ?? null,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
  }),
});

builder.node(aliasRef, {
  description: "Another address of one or more mailboxes of the same tenant.",
  id: { resolve: (alias) => alias.aliasId },
  isTypeOf: (value) => has(value, "aliasId", "targets"),
  fields: (t) => ({
    address: t.exposeString("address"),
    targets: t.field({
      type: [mailboxRef],
      resolve: (alias, _args, context) =>
        alias.targets.map((id) => visible(context, alias).mailbox(id)).filter((mailbox) => mailbox !== undefined),
    }),
    tenant: t.field({
      type: tenantRef,
      nullable: true,
      resolve: (alias, _args, context) => visible(context, alias).tenant(alias.tenantId) ?? null,
    }),
  }),
});

const tokenScopeKind = builder.enumType("TokenScopeKind", {
  values: { PLATFORM: { value: "platform" }, RESELLER: { value: "reseller" }, TENANT: { value: "tenant" } },
} as const);

export const tokenScopeRef = builder.objectRef<TokenRecord["scope"]>("TokenScope").implement({
  description: "What a token may see and do: its subtree.",
  fields: (t) => ({
    kind: t.field({ type: tokenScopeKind, resolve: (scope) => scope.kind }),
    id: t.id({
      nullable: true,
      description: "The reseller or tenant.",
      resolve: (scope) => (scope.kind === "platform" ? null : scope.id),
    }),
  }),
});

builder.node(tokenRef, {
  description: "A bearer token. Its secret is shown once, by tokenCreate.",
  id: { resolve: (token) => token.tokenId },
  isTypeOf: (value) => has(value, "tokenId", "secretHash"),
  fields: (t) => ({
    name: t.exposeString("name"),
    subject: t.exposeString("subject", { description: "Commands are idempotent by it; a rotation keeps it." }),
    scope: t.expose("scope", { type: tokenScopeRef }),
    expiresAt: t.expose("expiresAt", { type: "DateTime", nullable: true }),
    revoked: t.exposeBoolean("revoked"),
  }),
});
