import { builder } from "../builder.ts";
import { shadowRef } from "../objects/shadow-objects.ts";
import { commandFields, scopeInput } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";
import { policyChangeInput } from "./policy-change-input.ts";

const startInput = builder.inputType("ShadowStartInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true }),
    changes: t.field({ type: [policyChangeInput], required: true, description: "1 to 100, tried together." }),
    expiresAt: t.field({ type: "DateTime", description: "At most 30 days ahead; default 7 days." }),
    note: t.string(),
    ...commandFields(t),
  }),
});
const promoteInput = builder.inputType("ShadowPromoteInput", {
  fields: (t) => ({ shadowId: t.id({ required: true }), ...commandFields(t) }),
});
const dropInput = builder.inputType("ShadowDropInput", {
  fields: (t) => ({ shadowId: t.id({ required: true }), ...commandFields(t) }),
});

builder.mutationFields((t) => ({
  shadowStart: t.field({
    type: payloadOf("ShadowStart", "shadow", shadowRef),
    description:
      "Judges changes beside the policy in force for the mail of the scope's subtree; nothing of it is enforced. At most 4 at once in a scope.",
    args: { input: t.arg({ type: startInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.shadowStart(caller, input),
  }),
  shadowPromote: t.field({
    type: payloadOf("ShadowPromote", "shadow", shadowRef),
    description: "Makes the changes in earnest, all or none, and ends the shadow.",
    args: { input: t.arg({ type: promoteInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.shadowPromote(caller, input),
  }),
  shadowDrop: t.field({
    type: payloadOf("ShadowDrop", "shadow", shadowRef),
    args: { input: t.arg({ type: dropInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.shadowDrop(caller, input),
  }),
}));
