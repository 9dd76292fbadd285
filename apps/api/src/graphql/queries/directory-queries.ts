import type { TenantRecord } from "@mailfold/projection-directory";
import { OperationForbidden } from "../../operations/operation-outcome.ts";
import type { ApiContext } from "../api-context.ts";
import { badRequest } from "../api-error.ts";
import { builder } from "../builder.ts";
import { directoryPage, toConnection } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import {
  aliasRef,
  domainRef,
  mailboxRef,
  resellerRef,
  tenantRef,
  tokenRef,
  visible,
} from "../objects/directory-objects.ts";
import { waitForPosition } from "../wait-for.ts";

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

function findTenant(by: typeof tenantBy.$inferInput, context: ApiContext): TenantRecord | undefined {
  oneOf({ id: by.id, externalId: by.externalId }, "tenant");
  const view = visible(context);
  if (by.id !== null && by.id !== undefined) return view.tenant(by.id);
  const { caller, api } = context;
  if (caller.scope.kind === "tenant") {
    const own = view.tenant(caller.scope.id);
    return own !== undefined && own.externalId === by.externalId ? own : undefined;
  }
  const resellerId = by.resellerId ?? (caller.scope.kind === "reseller" ? caller.scope.id : undefined);
  if (resellerId === undefined) throw badRequest("INVALID_INPUT", "An externalId needs its resellerId beside it.");
  const reseller = view.reseller(resellerId);
  if (reseller === undefined) return undefined;
  return api.deps.directory.tenantByExternalId(reseller.resellerId, by.externalId ?? "");
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  const page = { first: t.arg.int({ description: "1 to 100; default 50." }), after: t.arg.string(), waitFor };
  return {
    tenant: t.field({
      type: tenantRef,
      nullable: true,
      args: { by: t.arg({ type: tenantBy, required: true }), waitFor },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor);
        return findTenant(args.by, context) ?? null;
      },
    }),
    domain: t.field({
      type: domainRef,
      nullable: true,
      args: { by: t.arg({ type: domainBy, required: true }), waitFor },
      resolve: async (_root, { by, waitFor }, context) => {
        oneOf(by, "domain");
        await waitForPosition(context, waitFor);
        return (
          (by.id ? visible(context).domain(by.id) : visible(context).domainByName((by.name ?? "").toLowerCase())) ??
          null
        );
      },
    }),
    mailbox: t.field({
      type: mailboxRef,
      nullable: true,
      args: { by: t.arg({ type: mailboxBy, required: true }), waitFor },
      resolve: async (_root, { by, waitFor }, context) => {
        oneOf(by, "mailbox");
        await waitForPosition(context, waitFor);
        const view = visible(context);
        return (by.id ? view.mailbox(by.id) : view.mailboxByAddress((by.address ?? "").toLowerCase())) ?? null;
      },
    }),
    resellers: t.field({
      type: resellers,
      description: "Platform tokens only.",
      args: page,
      resolve: async (_root, args, context) => {
        if (context.caller.scope.kind !== "platform") throw new OperationForbidden(["platform"]);
        await waitForPosition(context, args.waitFor);
        spendRows(context, args);
        const rows = context.api.deps.directory.resellers(directoryPage(args));
        return toConnection(rows, args, (row) => row.resellerId);
      },
    }),
    tenants: t.field({
      type: tenants,
      description: "Those of the caller's subtree.",
      args: { ...page, resellerId: t.arg.id() },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor);
        spendRows(context, args);
        return toConnection(listTenants(args, context), args, (row) => row.tenantId);
      },
    }),
    mailboxes: t.field({
      type: mailboxes,
      nullable: true,
      description: "Null when there is no such tenant or domain.",
      args: { ...page, tenantId: t.arg.id(), domainId: t.arg.id() },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor);
        spendRows(context, args);
        const rows = listMailboxes(args, context);
        return rows === undefined ? null : toConnection(rows, args, (row) => row.mailboxId);
      },
    }),
  };
});

interface PageInput {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

function listTenants(args: PageInput & { readonly resellerId?: string | null | undefined }, context: ApiContext) {
  const { caller, api } = context;
  const view = visible(context);
  if (caller.scope.kind === "tenant") {
    const own = view.tenant(caller.scope.id);
    if (own === undefined || args.after || (args.resellerId && args.resellerId !== own.resellerId)) return [];
    return [own];
  }
  const wanted = args.resellerId ?? (caller.scope.kind === "reseller" ? caller.scope.id : undefined);
  if (wanted === undefined) return api.deps.directory.tenants({}, directoryPage(args));
  const reseller = view.reseller(wanted);
  if (reseller === undefined) return [];
  return api.deps.directory.tenants({ resellerId: reseller.resellerId }, directoryPage(args));
}

function listMailboxes(
  args: PageInput & { readonly tenantId?: string | null | undefined; readonly domainId?: string | null | undefined },
  context: ApiContext,
) {
  const view = visible(context);
  const domain = args.domainId ? view.domain(args.domainId) : undefined;
  if (args.domainId && domain === undefined) return undefined;
  const { scope } = context.caller;
  const wanted = args.tenantId ?? domain?.tenantId ?? (scope.kind === "tenant" ? scope.id : undefined);
  if (wanted === undefined) throw badRequest("INVALID_INPUT", "Name a tenantId or a domainId.");
  const tenant = view.tenant(wanted);
  if (tenant === undefined || (domain !== undefined && domain.tenantId !== tenant.tenantId)) return undefined;
  const where = { tenantId: tenant.tenantId, ...(domain === undefined ? {} : { domainId: domain.domainId }) };
  return context.api.deps.directory.mailboxes(where, directoryPage(args));
}

builder.objectFields(resellerRef, (t) => ({
  tenants: t.field({
    type: tenants,
    args: { first: t.arg.int(), after: t.arg.string() },
    resolve: (reseller, args, context) => {
      spendRows(context, args);
      const rows = context.api.deps.directory.tenants({ resellerId: reseller.resellerId }, directoryPage(args));
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
      resolve: ({ tenantId }, page, context) => {
        spendRows(context, page);
        const rows = context.api.deps.directory.domains({ tenantId }, directoryPage(page));
        return toConnection(rows, page, (row) => row.domainId);
      },
    }),
    mailboxes: t.field({
      type: mailboxes,
      args,
      resolve: ({ tenantId }, page, context) => {
        spendRows(context, page);
        const rows = context.api.deps.directory.mailboxes({ tenantId }, directoryPage(page));
        return toConnection(rows, page, (row) => row.mailboxId);
      },
    }),
    aliases: t.field({
      type: aliases,
      args,
      resolve: ({ tenantId }, page, context) => {
        spendRows(context, page);
        const rows = context.api.deps.directory.aliases({ tenantId }, directoryPage(page));
        return toConnection(rows, page, (row) => row.aliasId);
      },
    }),
  };
});

export const tokensConnection = connectionOf("Token", tokenRef);
