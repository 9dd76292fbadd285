import type { TenantRecord } from "@mailfold/projection-directory";
import { directoryOf } from "../../history/past-directory.ts";
import { OperationForbidden } from "../../operations/operation-outcome.ts";
import type { ApiContext } from "../api-context.ts";
import { badRequest } from "../api-error.ts";
import { asOfInput, type ReadMoment, readMoment } from "../as-of-input.ts";
import { builder } from "../builder.ts";
import { directoryPage, toConnection } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import { aliasRef, domainRef, mailboxRef, resellerRef, tenantRef, tokenRef } from "../objects/directory-objects.ts";

export const waitForDescription =
  "A receipt's position: the answer includes that write (up to 5 s, then PROJECTION_LAGGING).";

const resellers = connectionOf("Reseller", resellerRef);
const tenants = connectionOf("Tenant", tenantRef);
const domains = connectionOf("Domain", domainRef);
const mailboxes = connectionOf("Mailbox", mailboxRef);
const aliases = connectionOf("Alias", aliasRef);

/** Exactly one way to name an object. */
function oneOf(by: object, what: string): void {
  const given = Object.values(by).filter((value) => value !== null && value !== undefined);
  if (given.length !== 1) throw badRequest("INVALID_INPUT", `Name the ${what} by exactly one of the fields of \`by\`.`);
}

const tenantBy = builder.inputType("TenantBy", {
  description: "Exactly one of id and externalId; a platform token names the reseller beside an externalId.",
  fields: (t) => ({ id: t.id(), externalId: t.string(), resellerId: t.id() }),
});
const domainBy = builder.inputType("DomainBy", { fields: (t) => ({ id: t.id(), name: t.string() }) });
const mailboxBy = builder.inputType("MailboxBy", { fields: (t) => ({ id: t.id(), address: t.string() }) });

function findTenant(
  by: typeof tenantBy.$inferInput,
  { caller }: ApiContext,
  { view, directory }: ReadMoment,
): TenantRecord | undefined {
  oneOf({ id: by.id, externalId: by.externalId }, "tenant");
  if (by.id !== null && by.id !== undefined) return view.tenant(by.id);
  if (caller.scope.kind === "tenant") {
    const own = view.tenant(caller.scope.id);
    return own !== undefined && own.externalId === by.externalId ? own : undefined;
  }
  const resellerId = by.resellerId ?? (caller.scope.kind === "reseller" ? caller.scope.id : undefined);
  if (resellerId === undefined) throw badRequest("INVALID_INPUT", "An externalId needs its resellerId beside it.");
  const reseller = view.reseller(resellerId);
  if (reseller === undefined) return undefined;
  return directory.tenantByExternalId(reseller.resellerId, by.externalId ?? "");
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  const asOf = t.arg({ type: asOfInput });
  const page = { first: t.arg.int({ description: "1 to 100; default 50." }), after: t.arg.string(), waitFor, asOf };
  return {
    tenant: t.field({
      type: tenantRef,
      nullable: true,
      args: { by: t.arg({ type: tenantBy, required: true }), waitFor, asOf },
      resolve: async (_root, args, context) => findTenant(args.by, context, await readMoment(context, args)) ?? null,
    }),
    domain: t.field({
      type: domainRef,
      nullable: true,
      args: { by: t.arg({ type: domainBy, required: true }), waitFor, asOf },
      resolve: async (_root, { by, ...args }, context) => {
        oneOf(by, "domain");
        const { view } = await readMoment(context, args);
        return (by.id ? view.domain(by.id) : view.domainByName((by.name ?? "").toLowerCase())) ?? null;
      },
    }),
    mailbox: t.field({
      type: mailboxRef,
      nullable: true,
      args: { by: t.arg({ type: mailboxBy, required: true }), waitFor, asOf },
      resolve: async (_root, { by, ...args }, context) => {
        oneOf(by, "mailbox");
        const { view } = await readMoment(context, args);
        return (by.id ? view.mailbox(by.id) : view.mailboxByAddress((by.address ?? "").toLowerCase())) ?? null;
      },
    }),
    resellers: t.field({
      type: resellers,
      description: "Platform tokens only.",
      args: page,
      resolve: async (_root, args, context) => {
        if (context.caller.scope.kind !== "platform") throw new OperationForbidden(["platform"]);
        const { directory } = await readMoment(context, args);
        spendRows(context, args);
        const rows = directory.resellers(directoryPage(args));
        return toConnection(rows, args, (row) => row.resellerId);
      },
    }),
    tenants: t.field({
      type: tenants,
      description: "Those of the caller's subtree.",
      args: { ...page, resellerId: t.arg.id() },
      resolve: async (_root, args, context) => {
        const moment = await readMoment(context, args);
        spendRows(context, args);
        return toConnection(listTenants(args, context, moment), args, (row) => row.tenantId);
      },
    }),
    mailboxes: t.field({
      type: mailboxes,
      nullable: true,
      description: "Null when there is no such tenant or domain.",
      args: { ...page, tenantId: t.arg.id(), domainId: t.arg.id() },
      resolve: async (_root, args, context) => {
        const moment = await readMoment(context, args);
        spendRows(context, args);
        const rows = listMailboxes(args, context, moment);
        return rows === undefined ? null : toConnection(rows, args, (row) => row.mailboxId);
      },
    }),
  };
});

interface PageInput {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

function listTenants(
  args: PageInput & { readonly resellerId?: string | null | undefined },
  { caller }: ApiContext,
  { view, directory }: ReadMoment,
) {
  if (caller.scope.kind === "tenant") {
    const own = view.tenant(caller.scope.id);
    if (own === undefined || args.after || (args.resellerId && args.resellerId !== own.resellerId)) return [];
    return [own];
  }
  const wanted = args.resellerId ?? (caller.scope.kind === "reseller" ? caller.scope.id : undefined);
  if (wanted === undefined) return directory.tenants({}, directoryPage(args));
  const reseller = view.reseller(wanted);
  if (reseller === undefined) return [];
  return directory.tenants({ resellerId: reseller.resellerId }, directoryPage(args));
}

function listMailboxes(
  args: PageInput & { readonly tenantId?: string | null | undefined; readonly domainId?: string | null | undefined },
  context: ApiContext,
  { view, directory }: ReadMoment,
) {
  const domain = args.domainId ? view.domain(args.domainId) : undefined;
  if (args.domainId && domain === undefined) return undefined;
  const { scope } = context.caller;
  const wanted = args.tenantId ?? domain?.tenantId ?? (scope.kind === "tenant" ? scope.id : undefined);
  if (wanted === undefined) throw badRequest("INVALID_INPUT", "Name a tenantId or a domainId.");
  const tenant = view.tenant(wanted);
  if (tenant === undefined || (domain !== undefined && domain.tenantId !== tenant.tenantId)) return undefined;
  const where = { tenantId: tenant.tenantId, ...(domain === undefined ? {} : { domainId: domain.domainId }) };
  return directory.mailboxes(where, directoryPage(args));
}

builder.objectFields(resellerRef, (t) => ({
  tenants: t.field({
    type: tenants,
    args: { first: t.arg.int(), after: t.arg.string() },
    resolve: (reseller, args, context) => {
      spendRows(context, args);
      const directory = directoryOf(context.api.deps, reseller);
      const rows = directory.tenants({ resellerId: reseller.resellerId }, directoryPage(args));
      return toConnection(rows, args, (row) => row.tenantId);
    },
  }),
}));

builder.objectFields(tenantRef, (t) => {
  const args = { first: t.arg.int(), after: t.arg.string() };
  return {
    domains: t.field({
      type: domains,
      args,
      resolve: (tenant, page, context) => {
        spendRows(context, page);
        const { tenantId } = tenant;
        const rows = directoryOf(context.api.deps, tenant).domains({ tenantId }, directoryPage(page));
        return toConnection(rows, page, (row) => row.domainId);
      },
    }),
    mailboxes: t.field({
      type: mailboxes,
      args,
      resolve: (tenant, page, context) => {
        spendRows(context, page);
        const { tenantId } = tenant;
        const rows = directoryOf(context.api.deps, tenant).mailboxes({ tenantId }, directoryPage(page));
        return toConnection(rows, page, (row) => row.mailboxId);
      },
    }),
    aliases: t.field({
      type: aliases,
      args,
      resolve: (tenant, page, context) => {
        spendRows(context, page);
        const { tenantId } = tenant;
        const rows = directoryOf(context.api.deps, tenant).aliases({ tenantId }, directoryPage(page));
        return toConnection(rows, page, (row) => row.aliasId);
      },
    }),
  };
});

export const tokensConnection = connectionOf("Token", tokenRef);
