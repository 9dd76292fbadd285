import { readAsOf } from "../../history/as-of.ts";
import { diffPolicy, type PolicyDiff } from "../../history/policy-diff.ts";
import { mayNameScope, placeScope } from "../../operations/placed-scope.ts";
import { badRequest } from "../api-error.ts";
import { asOfInput, momentAt } from "../as-of-input.ts";
import { builder } from "../builder.ts";
import { scopeInput } from "../mutations/input-fields.ts";
import { policyDifferenceRef } from "../objects/policy-difference-objects.ts";
import { scopeRef } from "../objects/policy-objects.ts";
import { waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";
import { refuseBadScope } from "./policy-queries.ts";

const policyDiffRef = builder.objectRef<PolicyDiff>("PolicyDiff").implement({
  description: "What of a scope's policy differs between two moments.",
  fields: (t) => ({
    scope: t.field({ type: scopeRef, resolve: ({ placed }) => placed.scope }),
    from: t.string({
      description: "Position of the first moment.",
      resolve: ({ between }, _args, { api }) => api.cursors.format(between.from),
    }),
    to: t.string({
      description: "Position of the second moment.",
      resolve: ({ between }, _args, { api }) => api.cursors.format(between.to),
    }),
    differences: t.field({ type: [policyDifferenceRef], resolve: ({ differences }) => [...differences] }),
    truncated: t.exposeBoolean("truncated", {
      description: "More than 500 entries of one scope's lists changed; the others are not shown.",
    }),
  }),
});

builder.queryField("policyDiff", (t) =>
  t.field({
    type: policyDiffRef,
    nullable: true,
    description:
      "What differs in a scope's policy, with who changed it and when: settings in force, limits, rules, list entries. Null when there was no such scope at either moment.",
    args: {
      scope: t.arg({ type: scopeInput, required: true }),
      from: t.arg({ type: asOfInput, required: true }),
      to: t.arg({ type: asOfInput, description: "Default: now." }),
      waitFor: t.arg.string({ description: waitForDescription }),
    },
    resolve: async (_root, args, context) => {
      await waitForPosition(context, args.waitFor);
      const now = { position: await context.api.cursors.format(await context.api.deps.journal.events.head()) };
      const from = await readAsOf(context, args.from, "from");
      const to = await readAsOf(context, args.to ?? now, "to");
      if (from === undefined || to === undefined) return null;
      if (from > to) throw badRequest("INVALID_INPUT", "from lies after to.");
      const { caller } = context;
      const placed = [to, from].map((position) => placeScope(momentAt(context, position).view, caller, args.scope));
      const known = placed.find((place) => !("errors" in place)) ?? placed[0];
      if (known === undefined) return null;
      if ("errors" in known) return refuseBadScope(known.errors[0]);
      const mayName = (scope: string) => mayNameScope(caller, scope, known);
      const { deps, timelines } = context.api;
      return diffPolicy({ rows: deps.rows, timelines }, known, { between: { from, to }, mayName });
    },
  }),
);
