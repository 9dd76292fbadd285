import { builder } from "../builder.ts";
import { scopeRef } from "../objects/policy-objects.ts";
import { processingRuleRef } from "../objects/rule-objects.ts";
import { commandFields, scopeInput } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";

const ruleSaveInput = builder.inputType("RuleSaveInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true }),
    rule: t.field({
      type: "JSON",
      required: true,
      description: "docs/reference/processing-rules.md; replaces the scope's rule of this name.",
    }),
    before: t.string({
      description:
        "Name of the rule to stand before; empty = last. Absent: a rule stays where it stands, a new one is last.",
    }),
    ...commandFields(t),
  }),
});
const ruleDeleteInput = builder.inputType("RuleDeleteInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true }),
    name: t.string({ required: true }),
    ...commandFields(t),
  }),
});

builder.mutationFields((t) => ({
  ruleSave: t.field({
    type: payloadOf("RuleSave", "rule", processingRuleRef),
    description: "Puts a processing rule into a scope's list. Each error's path leads into the rule.",
    args: { input: t.arg({ type: ruleSaveInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.ruleSave(caller, input),
  }),
  ruleDelete: t.field({
    type: payloadOf("RuleDelete", "scope", scopeRef),
    description: "Takes a processing rule out of a scope's list.",
    args: { input: t.arg({ type: ruleDeleteInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.ruleDelete(caller, input),
  }),
}));
