import type { SettingValue } from "@mailfold/domain";
import type { RuleTest, RuleTestCondition, RuleTestLine, SavedRule } from "../../operations/rule-records.ts";
import { builder } from "../builder.ts";
import { scopeRef } from "./policy-objects.ts";

const ruleDirection = builder.enumType("RuleDirection", {
  values: { INBOUND: { value: "inbound" }, OUTBOUND: { value: "outbound" } } as const,
});

function memberOf(rule: SettingValue, name: string): unknown {
  return typeof rule === "object" && rule !== null ? (rule as Readonly<Record<string, unknown>>)[name] : undefined;
}

export const processingRuleRef = builder.objectRef<SavedRule>("ProcessingRule").implement({
  description: "A processing rule; docs/reference/processing-rules.md.",
  fields: (t) => ({
    scope: t.field({ type: scopeRef, resolve: ({ scope }) => scope }),
    name: t.string({ description: "Unique in its scope.", resolve: ({ rule }) => String(memberOf(rule, "name")) }),
    enabled: t.boolean({ resolve: ({ rule }) => memberOf(rule, "enabled") !== false }),
    direction: t.field({
      type: ruleDirection,
      resolve: ({ rule }) => (memberOf(rule, "direction") === "outbound" ? "outbound" : "inbound"),
    }),
    rule: t.field({ type: "JSON", description: "In canonical form.", resolve: ({ rule }) => rule }),
  }),
});

const ruleTestResult = builder.enumType("RuleTestResult", {
  values: {
    YES: { value: "yes" },
    NO: { value: "no" },
    UNDECIDED: { value: "undecided", description: "Its time was over; live mail counts that as not matching." },
  } as const,
});

const lineRef = builder.objectRef<RuleTestLine>("RuleTestLine").implement({
  description: "Text that made a condition true, at most 200 characters.",
  fields: (t) => ({
    field: t.exposeString("field"),
    number: t.int({
      nullable: true,
      description: "Which line of the text parts, or which attachment, from 1; null for headers and envelope.",
      resolve: ({ number }) => number ?? null,
    }),
    text: t.exposeString("text"),
  }),
});

const conditionRef = builder.objectRef<RuleTestCondition>("RuleTestCondition").implement({
  fields: (t) => ({
    path: t.field({ type: ["String"], description: "Steps into the rule.", resolve: ({ path }) => [...path] }),
    condition: t.field({ type: "JSON", resolve: ({ condition }) => condition }),
    result: t.expose("result", { type: ruleTestResult }),
    line: t.field({ type: lineRef, nullable: true, resolve: ({ line }) => line ?? null }),
  }),
});

const droppedRef = builder.objectRef<RuleTest["dropped"][number]>("RuleTestDroppedAction").implement({
  description: "An action that would not be done.",
  fields: (t) => ({
    action: t.field({ type: "JSON", resolve: ({ action }) => action }),
    why: t.exposeString("why", { description: "docs/reference/processing-rules.md" }),
  }),
});

const messageRef = builder.objectRef<RuleTest["message"]>("RuleTestMessage").implement({
  description: "The message as the rule sees it.",
  fields: (t) => ({
    sender: t.exposeString("sender", { description: "Envelope sender; empty = null sender." }),
    recipient: t.exposeString("recipient"),
    sizeBytes: t.expose("sizeBytes", { type: "Long" }),
    score: t.float({
      nullable: true,
      description: "Points under the policy of now; null when they are not known.",
      resolve: ({ score }) => score ?? null,
    }),
  }),
});

export const ruleTestRef = builder.objectRef<RuleTest>("RuleTest").implement({
  description: "What one rule says of one stored message, other rules aside. Nothing is done.",
  fields: (t) => ({
    rule: t.field({ type: "JSON", description: "In canonical form.", resolve: ({ rule }) => rule }),
    matches: t.boolean({ description: "Its conditions hold.", resolve: ({ result }) => result === "yes" }),
    result: t.expose("result", { type: ruleTestResult }),
    runs: t.exposeBoolean("runs", {
      description: "It is enabled and of the message's direction; else it would not be asked.",
    }),
    direction: t.field({ type: ruleDirection, description: "The message's.", resolve: ({ direction }) => direction }),
    line: t.field({
      type: lineRef,
      nullable: true,
      description: "The first text that made it true; null when a number or an absence did.",
      resolve: ({ line }) => line ?? null,
    }),
    conditions: t.field({
      type: [conditionRef],
      description: "Each by itself, outermost first.",
      resolve: ({ conditions }) => [...conditions],
    }),
    actions: t.field({
      type: ["JSON"],
      description: "What would be done; empty when it does not match or run.",
      resolve: ({ actions }) => [...actions],
    }),
    dropped: t.field({ type: [droppedRef], resolve: ({ dropped }) => [...dropped] }),
    message: t.field({ type: messageRef, resolve: ({ message }) => message }),
    truncated: t.exposeBoolean("truncated", { description: "The message is larger than what was looked at." }),
  }),
});
