import type { OperationOutcome } from "../../operations/operation-outcome.ts";
import type { PardonedSender, Redelivery } from "../../operations/operations.ts";
import { builder } from "../builder.ts";
import { senderPardonRef } from "../objects/listing-objects.ts";
import { commandFields, scopeInput } from "./input-fields.ts";
import { outcomeFields } from "./payload.ts";
import { quarantineResultRef } from "./quarantine-mutations.ts";

const redeliveryRef = builder.objectRef<Redelivery>("Redelivery").implement({
  description: "What became of the copies that quarantine holds because of the sender's listings.",
  fields: (t) => ({
    released: t.exposeInt("released", { description: "Delivered; with dryRun: would be." }),
    refused: t.int({ resolve: ({ results, released }) => results.length - released }),
    left: t.exposeBoolean("left", {
      description: "More are held than the 100 that one pardon redelivers. Send it again, or use quarantineRelease.",
    }),
    results: t.field({ type: [quarantineResultRef], resolve: ({ results }) => [...results] }),
  }),
});

const payload = builder.objectRef<OperationOutcome<PardonedSender>>("SenderPardonPayload").implement({
  fields: (t) => ({
    pardon: t.field({ type: senderPardonRef, nullable: true, resolve: ({ value }) => value?.pardon ?? null }),
    redelivery: t.field({
      type: redeliveryRef,
      nullable: true,
      description: "Null unless `redeliver` was asked for.",
      resolve: ({ value }) => value?.redelivery ?? null,
    }),
    ...outcomeFields(t),
  }),
});
const liftPayload = builder.objectRef<OperationOutcome<PardonedSender>>("SenderPardonLiftPayload").implement({
  fields: (t) => ({
    pardon: t.field({ type: senderPardonRef, nullable: true, resolve: ({ value }) => value?.pardon ?? null }),
    ...outcomeFields(t),
  }),
});

const pardonInput = builder.inputType("SenderPardonInput", {
  description: "Exactly one of `subject` and `listingId`, at most one of `until` and `forDuration`; default 30 days.",
  fields: (t) => ({
    scope: t.field({
      type: scopeInput,
      description: "Whose list: a tenant's, or the platform's. A listing has its own; a subject needs one.",
    }),
    subject: t.string({ description: "IP, IPv4 /24, IPv6 /64 or /56, @domain or user@domain." }),
    listingId: t.id(),
    until: t.field({ type: "DateTime", description: "At most 366 days ahead." }),
    forDuration: t.string({ description: "ISO 8601: `P14D`, `PT12H`." }),
    voidEvidence: t.idList({ description: "At most 100 events that count no longer, for any sender of the scope." }),
    reason: t.string(),
    redeliver: t.boolean({ description: "Delivers what quarantine holds because of the sender's listings." }),
    ...commandFields(t),
  }),
});
const liftInput = builder.inputType("SenderPardonLiftInput", {
  fields: (t) => ({ pardonId: t.id({ required: true }), reason: t.string(), ...commandFields(t) }),
});

builder.mutationFields((t) => ({
  senderPardon: t.field({
    type: payload,
    description:
      "Takes a sender off a learned blacklist and learns nothing of it for a time. What was refused was never stored and cannot be redelivered.",
    args: { input: t.arg({ type: pardonInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.senderPardon(caller, input),
  }),
  senderPardonLift: t.field({
    type: liftPayload,
    description: "Takes a pardon back: what it voided counts again, as of its own time.",
    args: { input: t.arg({ type: liftInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.senderPardonLift(caller, input),
  }),
}));
