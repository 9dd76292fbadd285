import { idFromUuid } from "@mailfold/ids";
import { hiddenScope } from "../../explain/mask-facts.ts";
import { admits } from "../../feed/feed-scope.ts";
import { showEvent } from "../../feed/show-event.ts";
import type { PolicyDifference, PolicyStand } from "../../history/policy-difference.ts";
import { findAuditEvent } from "../../records/find-event.ts";
import { builder } from "../builder.ts";
import { auditEventRef } from "./audit-objects.ts";
import { senderListEnum } from "./policy-objects.ts";

const policyPart = builder.enumType("PolicyPart", {
  values: {
    SETTING: { value: "setting" },
    LIMIT: { value: "limit" },
    RULE: { value: "rule" },
    ENTRY: { value: "entry" },
    PARDON: { value: "pardon" },
  },
} as const);

const standRef = builder.objectRef<PolicyStand>("PolicyStand").implement({
  description: "What stands under a name at one moment.",
  fields: (t) => ({
    value: t.field({ type: "JSON", nullable: true, resolve: (stand) => stand.value }),
    scope: t.string({
      description: "Scope id, `platform`, `default`, or `platform policy` for a scope above the reader's own subtree.",
      resolve: (stand) => (stand.shown ? stand.scope : hiddenScope),
    }),
    event: t.id({
      nullable: true,
      description: "The event that set it, within the reader's own subtree.",
      resolve: (stand) => (stand.shown && stand.byEvent !== undefined ? idFromUuid("event", stand.byEvent) : null),
    }),
  }),
});

/** One name whose policy differs. */
export const policyDifferenceRef = builder.objectRef<PolicyDifference>("PolicyDifference").implement({
  description:
    "One setting, limit, rule, list entry or pardon that differs between two moments. policyDiff shows no pardons.",
  fields: (t) => ({
    part: t.field({ type: policyPart, resolve: (difference) => difference.part }),
    name: t.exposeString("name", {
      description: "The setting's or rule's name; of an entry its pattern, of a pardon who is forgiven.",
    }),
    list: t.field({
      type: senderListEnum,
      nullable: true,
      description: "Of an entry.",
      resolve: (difference) => difference.list ?? null,
    }),
    before: t.field({
      type: standRef,
      nullable: true,
      description: "Null when nothing stood there.",
      resolve: (difference) => difference.before ?? null,
    }),
    after: t.field({
      type: standRef,
      nullable: true,
      description: "Null when nothing stands there any more.",
      resolve: (difference) => difference.after ?? null,
    }),
    changedBy: t.field({
      type: auditEventRef,
      nullable: true,
      description: "Who changed it last, and when; null where that was above the reader's own subtree.",
      async resolve({ changedBy }, _args, { api, caller }) {
        if (changedBy === undefined) return null;
        const event = await findAuditEvent(api.deps.rows, api.deps.journal.events, changedBy);
        return event !== undefined && admits(caller, {}, event) ? showEvent(api.deps, caller, event) : null;
      },
    }),
  }),
});
