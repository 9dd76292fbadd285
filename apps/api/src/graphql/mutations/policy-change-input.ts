import { builder } from "../builder.ts";
import { senderListEnum } from "../objects/policy-objects.ts";

const entryAdd = builder.inputType("PolicyChangeEntryAdd", {
  fields: (t) => ({
    list: t.field({ type: senderListEnum, required: true }),
    pattern: t.string({ required: true }),
    expiresAt: t.field({ type: "DateTime" }),
    trustUnverified: t.boolean(),
  }),
});
const entryRemove = builder.inputType("PolicyChangeEntryRemove", {
  fields: (t) => ({ list: t.field({ type: senderListEnum, required: true }), pattern: t.string({ required: true }) }),
});
const ruleSave = builder.inputType("PolicyChangeRuleSave", {
  fields: (t) => ({
    rule: t.field({ type: "JSON", required: true, description: "docs/reference/processing-rules.md" }),
    before: t.string({ description: "Name of the rule that it comes before; else in its place, or last." }),
  }),
});
const ruleDelete = builder.inputType("PolicyChangeRuleDelete", {
  fields: (t) => ({ name: t.string({ required: true }) }),
});
const pardon = builder.inputType("PolicyChangePardon", {
  fields: (t) => ({
    subject: t.string({ required: true, description: "IP, IPv4 /24, IPv6 /64 or /56, @domain or user@domain." }),
  }),
});

/** One change of a scope's policy, for what tries changes. */
export const policyChangeInput = builder.inputType("PolicyChangeInput", {
  description: "A change of one scope's policy that is tried: exactly one member.",
  fields: (t) => ({
    set: t.field({ type: "JSON", description: "Values by setting name." }),
    unset: t.stringList(),
    entryAdd: t.field({ type: entryAdd }),
    entryRemove: t.field({ type: entryRemove }),
    ruleSave: t.field({ type: ruleSave }),
    ruleDelete: t.field({ type: ruleDelete }),
    pardon: t.field({ type: pardon }),
  }),
});
