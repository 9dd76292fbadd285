import { idFromUuid } from "@mailfold/ids";
import type { Undone } from "../../operations/operations.ts";
import { builder } from "../builder.ts";
import { policyDifferenceRef } from "../objects/policy-difference-objects.ts";
import { scopeRef } from "../objects/policy-objects.ts";
import { commandFields } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";

const undoneRef = builder.objectRef<Undone>("Undone").implement({
  description: "What was taken back, or with dryRun would be.",
  fields: (t) => ({
    events: t.field({
      type: ["ID"],
      description: "The events taken back.",
      resolve: ({ events }) => events.map((event) => idFromUuid("event", event)),
    }),
    scope: t.field({ type: scopeRef, resolve: ({ placed }) => placed.scope }),
    differences: t.field({
      type: [policyDifferenceRef],
      description: "`before`: what the events left at this scope; `after`: what stood there before them.",
      resolve: ({ differences }) => [...differences],
    }),
  }),
});

const undoInput = builder.inputType("UndoInput", {
  description: "Exactly one of undoToken and event.",
  fields: (t) => ({
    undoToken: t.string({ description: "Of a receipt: takes the whole command back." }),
    event: t.id({ description: "One event of settings, limits, rules, list entries or pardons." }),
    ...commandFields(t),
  }),
});

builder.mutationFields((t) => ({
  undo: t.field({
    type: payloadOf("Undo", "undone", undoneRef),
    description:
      "Takes a change back by a new event, which can be undone in turn. Refused with UNDO_CONFLICT when the same thing was changed since.",
    args: { input: t.arg({ type: undoInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.undo(caller, input),
  }),
}));
