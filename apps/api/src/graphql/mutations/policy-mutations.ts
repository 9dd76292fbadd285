import { builder } from "../builder.ts";
import { effectivePolicyRef, senderEntryRef, senderListEnum } from "../objects/policy-objects.ts";
import { commandFields, scopeInput } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";

const policyUpdateInput = builder.inputType("PolicyUpdateInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true }),
    set: t.field({ type: "JSON", description: "Values by setting name; docs/reference/policy-settings.md." }),
    unset: t.stringList({ description: "Settings that inherit again." }),
    limits: t.field({
      type: "JSON",
      description:
        "What the scopes below may no longer choose, by setting name: `{locked: true}`, for numbers `{min, max}` or one of them, for words `{allowed: [...]}`. Replaces the limit that stood.",
    }),
    unsetLimits: t.stringList({ description: "Settings whose limits are lifted." }),
    ...commandFields(t),
  }),
});
const senderEntryAddInput = builder.inputType("SenderEntryAddInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true }),
    list: t.field({ type: senderListEnum, required: true }),
    pattern: t.string({ required: true, description: "IP, CIDR, host, user@host, @host or @*suffix." }),
    expiresAt: t.field({ type: "DateTime" }),
    note: t.string(),
    trustUnverified: t.boolean({ description: "Accept entries only; needs the platform's unlock." }),
    ...commandFields(t),
  }),
});
const senderEntryRemoveInput = builder.inputType("SenderEntryRemoveInput", {
  fields: (t) => ({ entryId: t.id({ required: true }), ...commandFields(t) }),
});

builder.mutationFields((t) => ({
  policyUpdate: t.field({
    type: payloadOf("PolicyUpdate", "policy", effectivePolicyRef),
    description: "Sets, unsets and limits settings of one scope, all or nothing.",
    args: { input: t.arg({ type: policyUpdateInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.policyUpdate(caller, input),
  }),
  senderEntryAdd: t.field({
    type: payloadOf("SenderEntryAdd", "entry", senderEntryRef),
    description: "The same pattern again replaces expiry and note.",
    args: { input: t.arg({ type: senderEntryAddInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.senderEntryAdd(caller, input),
  }),
  senderEntryRemove: t.field({
    type: payloadOf("SenderEntryRemove", "entry", senderEntryRef),
    args: { input: t.arg({ type: senderEntryRemoveInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.senderEntryRemove(caller, input),
  }),
}));
