import { builder } from "../builder.ts";

type BuilderTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;
type InputFields = PothosSchemaTypes.InputFieldBuilder<BuilderTypes, "InputObject">;

/** What every mutation's input may carry. */
export function commandFields(t: InputFields) {
  return {
    commandId: t.string({
      description: "1 to 128 visible characters. A retry with the same id and input answers the first result.",
    }),
    dryRun: t.boolean({ description: "Decides and answers, writes nothing." }),
  };
}

/** Exactly one place where settings and entries live. */
export const scopeInput = builder.inputType("ScopeInput", {
  description: "Exactly one member.",
  fields: (t) => ({
    platform: t.boolean(),
    resellerId: t.id(),
    tenantId: t.id(),
    domainId: t.id(),
    mailboxId: t.id(),
  }),
});

export const tokenScopeInput = builder.inputType("TokenScopeInput", {
  description: "Exactly one member.",
  fields: (t) => ({ platform: t.boolean(), resellerId: t.id(), tenantId: t.id() }),
});
