import { scopeId } from "@mailfold/domain";
import type { OperationOutcome } from "../../operations/operation-outcome.ts";
import { mayNameScope, placeScope } from "../../operations/placed-scope.ts";
import type { RuleTest } from "../../operations/rule-records.ts";
import { builder } from "../builder.ts";
import { spendRows } from "../connection-field.ts";
import { scopeInput } from "../mutations/input-fields.ts";
import { userErrorRef } from "../mutations/payload.ts";
import { visible } from "../objects/directory-objects.ts";
import { processingRuleRef, ruleTestRef } from "../objects/rule-objects.ts";
import { waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";
import { refuseBadScope } from "./policy-queries.ts";

/** What a list or a test costs of the rows that one request may read. */
const rowsPerList = 100;

const ruleTestInput = builder.inputType("RuleTestInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true, description: "Where the rule would be set." }),
    rule: t.field({ type: "JSON", required: true, description: "docs/reference/processing-rules.md" }),
    messageReference: t.id({
      required: true,
      description:
        "`vrd_...` of a verdict, `hld_...` of a held copy, or `msg_...` of a 250: then the first recipient whose copy is here.",
    }),
  }),
});

const ruleTestPayload = builder.objectRef<OperationOutcome<RuleTest>>("RuleTestPayload").implement({
  fields: (t) => ({
    test: t.field({ type: ruleTestRef, nullable: true, resolve: ({ value }) => value ?? null }),
    errors: t.field({ type: [userErrorRef], resolve: ({ errors }) => [...errors] }),
  }),
});

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  return {
    rules: t.field({
      type: [processingRuleRef],
      nullable: true,
      description: "Processing rules of a scope in the order in which they run. Null when there is no such scope.",
      args: {
        scope: t.arg({ type: scopeInput, required: true }),
        inherited: t.arg.boolean({
          description: "Those of the scopes above too, as far as they lie in the reader's own subtree.",
        }),
        waitFor,
      },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor);
        const { api, caller } = context;
        const placed = placeScope(visible(context), caller, args.scope);
        if ("errors" in placed) return refuseBadScope(placed.errors[0]);
        spendRows(context, { first: rowsPerList });
        const own = scopeId(placed.scope);
        return api.deps.policy
          .current()
          .rules(placed.path)
          .filter(({ scope }) => scopeId(scope) === own || args.inherited === true)
          .filter(({ scope }) => mayNameScope(caller, scopeId(scope), placed))
          .flatMap(({ scope, rules }) => rules.map((rule) => ({ scope, rule })));
      },
    }),
    ruleTest: t.field({
      type: ruleTestPayload,
      description: "Runs one rule, saved or not, on one stored message: what matches, where, and what would follow.",
      args: { input: t.arg({ type: ruleTestInput, required: true }), waitFor },
      resolve: async (_root, { input, waitFor }, context) => {
        await waitForPosition(context, waitFor, ["message-trace", "quarantine"]);
        const { api, caller } = context;
        spendRows(context, { first: rowsPerList });
        return api.previews.run(() => api.operations.ruleTest(caller, input));
      },
    }),
  };
});
