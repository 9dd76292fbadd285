import { placeScope } from "../../operations/placed-scope.ts";
import { createShadows } from "../../records/shadows.ts";
import { builder } from "../builder.ts";
import { spendRows } from "../connection-field.ts";
import { scopeInput } from "../mutations/input-fields.ts";
import { visible } from "../objects/directory-objects.ts";
import { shadowRef } from "../objects/shadow-objects.ts";
import { waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";
import { refuseBadScope } from "./policy-queries.ts";

const views = ["shadows", "shadow-verdicts"];

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  return {
    shadow: t.field({
      type: shadowRef,
      nullable: true,
      description: "Null when there is none of this id in the caller's subtree.",
      args: { id: t.arg.id({ required: true }), waitFor },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, views);
        return createShadows(context.api.deps.rows, context.caller).find(args.id) ?? null;
      },
    }),
    shadows: t.field({
      type: [shadowRef],
      nullable: true,
      description: "A scope's own shadows, newest first, at most 100. Null when there is no such scope.",
      args: { scope: t.arg({ type: scopeInput, required: true }), waitFor },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, views);
        const placed = placeScope(visible(context), context.caller, args.scope);
        if ("errors" in placed) return refuseBadScope(placed.errors[0]);
        spendRows(context, { first: 100 });
        return [...createShadows(context.api.deps.rows, context.caller).ofScope(placed.scope)];
      },
    }),
  };
});
