import { kindOfId, uuidFromId } from "@mailfold/ids";
import type { Caller } from "../../caller.ts";
import { admits } from "../../feed/feed-scope.ts";
import { showEvent } from "../../feed/show-event.ts";
import { placeStoredScope } from "../../operations/placed-scope.ts";
import { findAuditEvent } from "../../records/find-event.ts";
import { createHeldCopies } from "../../records/held-copies.ts";
import { createListings } from "../../records/listings.ts";
import { createSenderEntries } from "../../records/sender-entries.ts";
import { createShadows } from "../../records/shadows.ts";
import { createVerdicts } from "../../records/verdicts.ts";
import type { VisibleDirectory } from "../../visible-directory.ts";
import type { ApiContext } from "../api-context.ts";
import { asOfInput, readMoment } from "../as-of-input.ts";
import { builder } from "../builder.ts";
import { directoryPage, toConnection } from "../connection.ts";
import { spendRows } from "../connection-field.ts";
import { tokenScopeInput } from "../mutations/input-fields.ts";
import { resellerRef, tenantRef, tokenScopeRef, visible } from "../objects/directory-objects.ts";
import { waitForPosition } from "../wait-for.ts";
import { tokensConnection, waitForDescription } from "./directory-queries.ts";
import { toLearnedEntry } from "./learned-list.ts";
import { traceOf } from "./verdict-queries.ts";

const viewerRef = builder.objectRef<Caller>("Viewer").implement({
  description: "The token that asks.",
  fields: (t) => ({
    tokenId: t.exposeString("tokenId"),
    subject: t.exposeString("subject"),
    name: t.exposeString("name"),
    scope: t.field({ type: tokenScopeRef, resolve: (caller) => caller.scope }),
    reseller: t.field({
      type: resellerRef,
      nullable: true,
      resolve: ({ scope }, _args, context) =>
        scope.kind === "reseller" ? (visible(context).reseller(scope.id) ?? null) : null,
    }),
    tenant: t.field({
      type: tenantRef,
      nullable: true,
      resolve: ({ scope }, _args, context) =>
        scope.kind === "tenant" ? (visible(context).tenant(scope.id) ?? null) : null,
    }),
  }),
});

/** Any object by its id, within the caller's subtree. */
async function findNode(id: string, context: ApiContext): Promise<object | undefined> {
  const view = visible(context);
  const { deps } = context.api;
  switch (kindOfId(id)) {
    case "reseller":
      return view.reseller(id);
    case "tenant":
      return view.tenant(id);
    case "domain":
      return view.domain(id);
    case "mailbox":
      return view.mailbox(id);
    case "alias":
      return view.alias(id);
    case "token":
      return view.token(id);
    case "senderEntry": {
      const entry = createSenderEntries(deps.rows).find(id);
      return entry !== undefined && placeStoredScope(view, context.caller, entry.scope) ? entry : undefined;
    }
    case "listing": {
      const listing = createListings(deps.rows, context.caller).find(id);
      return listing && toLearnedEntry(listing);
    }
    case "pardon":
      return createListings(deps.rows, context.caller).findPardon(id);
    case "shadow":
      return createShadows(deps.rows, context.caller).find(id);
    case "verdict":
      return createVerdicts(deps.rows, deps.journal.events, context.caller).findTold(id);
    case "hold":
      return createHeldCopies(deps.rows, context.caller).find(id);
    case "message":
      return traceOf(id, context);
    case "event": {
      const event = await findAuditEvent(deps.rows, deps.journal.events, uuidFromId(id));
      return event !== undefined && admits(context.caller, {}, event)
        ? showEvent(deps, context.caller, event)
        : undefined;
    }
    default:
      return undefined;
  }
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  return {
    viewer: t.field({ type: viewerRef, resolve: (_root, _args, { caller }) => caller }),
    node: t.field({
      type: builder.nodeInterfaceRef(),
      nullable: true,
      args: { id: t.arg.id({ required: true }), waitFor },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor);
        return (await findNode(args.id, context)) ?? null;
      },
    }),
    tokens: t.field({
      type: tokensConnection,
      nullable: true,
      description: "Tokens of one scope of the caller's subtree; default: the caller's own, for the platform all.",
      args: {
        scope: t.arg({ type: tokenScopeInput }),
        first: t.arg.int(),
        after: t.arg.string(),
        waitFor,
        asOf: t.arg({ type: asOfInput, description: "Who could do what: the tokens as they were then." }),
      },
      resolve: async (_root, args, context) => {
        const { directory, view } = await readMoment(context, args);
        spendRows(context, args);
        const scope = tokensOf(args.scope, context, view);
        if (scope === null) return null;
        const rows = directory.tokens(scope === undefined ? {} : { scope }, directoryPage(args));
        return toConnection(rows, args, (row) => row.tokenId);
      },
    }),
  };
});

/** Which scope's tokens are meant: undefined = all, null = there is no such scope. */
function tokensOf(
  input: typeof tokenScopeInput.$inferInput | null | undefined,
  { caller }: ApiContext,
  view: VisibleDirectory,
) {
  if (input === null || input === undefined) return caller.scope.kind === "platform" ? undefined : caller.scope;
  const reseller = input.resellerId ? view.reseller(input.resellerId) : undefined;
  if (reseller !== undefined) return { kind: "reseller", id: reseller.resellerId } as const;
  const tenant = input.tenantId ? view.tenant(input.tenantId) : undefined;
  if (tenant !== undefined) return { kind: "tenant", id: tenant.tenantId } as const;
  return input.platform && caller.scope.kind === "platform" ? ({ kind: "platform" } as const) : null;
}
