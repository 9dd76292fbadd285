import type { ShadowRow } from "@mailfold/projection-shadows";
import { createShadows, type ShadowCount, type ShadowReport } from "../../records/shadows.ts";
import { createVerdicts } from "../../records/verdicts.ts";
import { builder } from "../builder.ts";
import { spendRows } from "../connection-field.ts";
import { scopeRef } from "./policy-objects.ts";
import { verdictRef } from "./verdict-objects.ts";

const countRef = builder.objectRef<ShadowCount>("ShadowCount").implement({
  description: "How often what was done would have been something else.",
  fields: (t) => ({
    from: t.string({ description: "What was done: an action.", resolve: ({ from }) => from.action }),
    fromReason: t.string({ resolve: ({ from }) => from.reason }),
    to: t.string({ description: "What would have been done.", resolve: ({ to }) => to.action }),
    toReason: t.string({ resolve: ({ to }) => to.reason }),
    count: t.exposeInt("count"),
  }),
});

const sampleRef = builder.objectRef<ShadowReport["samples"][number]>("ShadowSample").implement({
  description: "A verdict that would have been another.",
  fields: (t) => ({
    reference: t.exposeString("verdictId"),
    verdict: t.field({
      type: verdictRef,
      nullable: true,
      description: "What was done.",
      resolve: ({ verdictId }, _args, { api: { deps }, caller }) =>
        createVerdicts(deps.rows, deps.journal.events, caller).find(verdictId) ?? null,
    }),
    action: t.exposeString("action"),
    reason: t.exposeString("reason"),
  }),
});

const reportRef = builder.objectRef<ShadowReport>("ShadowReport").implement({
  description: "What a shadow would have done, for as long as verdicts are kept.",
  fields: (t) => ({
    total: t.exposeInt("total", { description: "Verdicts that it judged, too." }),
    same: t.exposeInt("same"),
    changed: t.int({ resolve: ({ same, total }) => total - same }),
    counts: t.field({ type: [countRef], resolve: ({ counts }) => [...counts] }),
    samples: t.field({
      type: [sampleRef],
      description: "The newest, at most 20.",
      resolve: ({ samples }) => [...samples],
    }),
    isComplete: t.exposeBoolean("isComplete", {
      description: "False: only the newest verdicts that it judged are counted here.",
    }),
  }),
});

export const shadowRef = builder.objectRef<ShadowRow>("Shadow");
builder.node(shadowRef, {
  description: "Changes of policy that are judged beside the policy in force and decide nothing.",
  id: { resolve: ({ shadowId }) => shadowId },
  isTypeOf: (value) => typeof value === "object" && value !== null && "shadowId" in value,
  fields: (t) => ({
    scope: t.field({ type: scopeRef, resolve: ({ scope }) => scope }),
    changes: t.field({
      type: "JSON",
      nullable: true,
      description: "As PolicyChangeInput has them.",
      resolve: ({ changes }) => changes ?? null,
    }),
    note: t.exposeString("note", { nullable: true }),
    startedAt: t.expose("startedAt", { type: "DateTime" }),
    expiresAt: t.expose("expiresAt", { type: "DateTime" }),
    endedAt: t.expose("endedAt", { type: "DateTime", nullable: true }),
    state: t.string({
      description: "`running`, `expired`, `promoted`, `dropped`.",
      resolve: ({ expiresAt, state }, _args, { api }) =>
        state === "running" && expiresAt <= api.deps.clock.now() ? "expired" : state,
    }),
    report: t.field({
      type: reportRef,
      resolve: (shadow, _args, context) => {
        spendRows(context, { first: 100 });
        return createShadows(context.api.deps.rows, context.caller).report(shadow);
      },
    }),
  }),
});
