import type { OperationOutcome } from "../../operations/operation-outcome.ts";
import type { CreatedToken } from "../../operations/operations.ts";
import { builder } from "../builder.ts";
import { tokenRef } from "../objects/directory-objects.ts";
import { commandFields, tokenScopeInput } from "./input-fields.ts";
import { outcomeFields, payloadOf } from "./payload.ts";

const tokenCreateInput = builder.inputType("TokenCreateInput", {
  fields: (t) => ({
    name: t.string({ required: true }),
    scope: t.field({ type: tokenScopeInput, required: true }),
    expiresAt: t.field({ type: "DateTime" }),
    rotates: t.id({ description: "Token of the same scope whose subject the new one carries on." }),
    ...commandFields(t),
  }),
});
const tokenRevokeInput = builder.inputType("TokenRevokeInput", {
  fields: (t) => ({ tokenId: t.id({ required: true }), ...commandFields(t) }),
});

const tokenCreatePayload = builder.objectRef<OperationOutcome<CreatedToken>>("TokenCreatePayload").implement({
  fields: (t) => ({
    token: t.field({ type: tokenRef, nullable: true, resolve: (outcome) => outcome.value?.token ?? null }),
    secret: t.string({
      nullable: true,
      description: "The bearer token's text: shown this once. Null on a replay and with dryRun.",
      resolve: (outcome) => outcome.value?.secret ?? null,
    }),
    ...outcomeFields(t),
  }),
});

const ticketRef = builder.objectRef<{ readonly ticket: string; readonly expiresAt: number }>("FeedTicket").implement({
  description: "Opens the live audit feed once, within 30 s; for browsers.",
  fields: (t) => ({ ticket: t.exposeString("ticket"), expiresAt: t.expose("expiresAt", { type: "DateTime" }) }),
});

builder.mutationFields((t) => ({
  tokenCreate: t.field({
    type: tokenCreatePayload,
    args: { input: t.arg({ type: tokenCreateInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.tokenCreate(caller, input),
  }),
  tokenRevoke: t.field({
    type: payloadOf("TokenRevoke", "token", tokenRef),
    args: { input: t.arg({ type: tokenRevokeInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.tokenRevoke(caller, input),
  }),
  feedTicketCreate: t.field({
    type: ticketRef,
    description: "A single-use ticket for the audit feed's hello.",
    resolve: (_root, _args, { api, caller }) => api.tickets.create(caller),
  }),
}));
