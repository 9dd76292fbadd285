import { idFromUuid } from "@mailfold/ids";
import type { Refusal } from "@mailfold/kernel";
import type { ObjectRef } from "@pothos/core";
import type { OperationOutcome, OperationReceipt } from "../../operations/operation-outcome.ts";
import { undoTokenOf } from "../../operations/undo-target.ts";
import { builder } from "../builder.ts";

type BuilderTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;

// An interface from the start, so that errors with more to say can join later without breaking a query.
/** Refusals as every payload shows them. */
export const userErrorRef = builder.interfaceRef<Refusal>("UserError").implement({
  description: "Why a command was refused; nothing was written. Codes are catalogued in docs/reference/refusals.md.",
  resolveType: () => "Refused",
  fields: (t) => ({
    code: t.exposeString("code"),
    message: t.exposeString("message", { description: "What is wrong and what is allowed, for a person." }),
    path: t.field({
      type: ["String"],
      description: "The input field, outermost first; empty when no single field is at fault.",
      resolve: (refusal) => refusal.path ?? [],
    }),
    details: t.field({
      type: "JSON",
      nullable: true,
      description: "Machine-readable facts, such as the limit that was hit.",
      resolve: (refusal) => refusal.details ?? null,
    }),
  }),
});

builder.objectRef<Refusal>("Refused").implement({
  description: "A refusal without further members.",
  interfaces: [userErrorRef],
});

const receiptEventRef = builder.objectRef<OperationReceipt["events"][number]>("ReceiptEvent").implement({
  description: "An event that the command recorded, or with dryRun would record.",
  fields: (t) => ({
    id: t.id({ resolve: (event) => idFromUuid("event", event.id) }),
    type: t.exposeString("type"),
  }),
});

const receiptRef = builder.objectRef<OperationReceipt>("Receipt").implement({
  description: "What a command left in the log.",
  fields: (t) => ({
    position: t.string({
      description: "Give it to a query's waitFor to read your own write.",
      resolve: (receipt, _args, context) => context.api.cursors.format(receipt.position),
    }),
    eventIds: t.field({
      type: ["ID"],
      description: "Empty when nothing new happened, and with dryRun.",
      resolve: (receipt) => (receipt.dryRun ? [] : receipt.events.map((event) => idFromUuid("event", event.id))),
    }),
    events: t.field({ type: [receiptEventRef], resolve: (receipt) => [...receipt.events] }),
    replayed: t.exposeBoolean("replayed", {
      description: "The command had been done before; this is its first result.",
    }),
    dryRun: t.exposeBoolean("dryRun"),
    lagging: t.exposeBoolean("lagging", { description: "The views had not passed the position within 2 s." }),
    undoToken: t.string({
      nullable: true,
      description: "Give it to undo. Null for what cannot be undone, and with dryRun.",
      resolve: (receipt) => (receipt.dryRun ? null : undoTokenOf(receipt.events)),
    }),
  }),
});

/** `<Name>Payload { <field>, errors, receipt }` of an operation's outcome. */
export function payloadOf<T>(name: string, field: string, type: ObjectRef<BuilderTypes, T>) {
  return builder.objectRef<OperationOutcome<T>>(`${name}Payload`).implement({
    fields: (t) => ({
      [field]: t.field({
        type,
        nullable: true,
        resolve: (outcome) => (outcome.value ?? null) as never,
      }),
      ...outcomeFields(t),
    }),
  });
}

type OutcomeFieldBuilder = PothosSchemaTypes.ObjectFieldBuilder<BuilderTypes, OperationOutcome<unknown>>;

/** `errors` and `receipt`, the same in every payload. */
export function outcomeFields(t: OutcomeFieldBuilder) {
  return {
    errors: t.field({ type: [userErrorRef], resolve: (outcome) => [...outcome.errors] }),
    receipt: t.field({
      type: receiptRef,
      nullable: true,
      description: "Null when the command was refused.",
      resolve: (outcome) => outcome.receipt ?? null,
    }),
  };
}
