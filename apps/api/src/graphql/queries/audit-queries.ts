import type { LifeClass } from "@mailfold/events";
import { type Position, type RecordedEvent, startOfLog } from "@mailfold/kernel";
import type { FeedWhere } from "../../feed/feed-protocol.ts";
import { classesAdmitted } from "../../feed/feed-scope.ts";
import { showEvent } from "../../feed/show-event.ts";
import { readAuditPage } from "../../records/audit-page.ts";
import type { ApiContext } from "../api-context.ts";
import { badRequest } from "../api-error.ts";
import { builder } from "../builder.ts";
import { type ConnectionOf, pageSize } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import { auditEventRef } from "../objects/audit-objects.ts";
import { readCursor, waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";

const events = connectionOf("AuditEvent", auditEventRef);

const auditOutcome = builder.enumType("AuditOutcomeResult", {
  values: { SUCCESS: { value: "success" }, FAILURE: { value: "failure" } },
} as const);

export const auditWhere = builder.inputType("AuditEventWhere", {
  description: "All members must match.",
  fields: (t) => ({
    types: t.stringList({ description: "Event names without version, e.g. `TenantCreated`." }),
    tenant: t.id(),
    actor: t.string({ description: "Token id, mailbox id, IP address or component." }),
    outcome: t.field({ type: auditOutcome }),
  }),
});

/** The filter as the feed knows it. */
export function toFeedWhere(where: typeof auditWhere.$inferInput | null | undefined): FeedWhere {
  return {
    ...(where?.types ? { types: [...where.types] } : {}),
    ...(where?.tenant ? { tenant: where.tenant } : {}),
    ...(where?.actor ? { actor: where.actor } : {}),
    ...(where?.outcome ? { outcome: where.outcome } : {}),
  };
}

/** Reads a client's position, which must not lie below the floor of these classes: what expired would be missing without a word. */
export async function readAfter(
  context: ApiContext,
  after: string | null | undefined,
  classes: readonly LifeClass[],
): Promise<Position> {
  if (after === null || after === undefined) return startOfLog;
  const position = await readCursor(context, after, "after");
  for (const lifeClass of classes) {
    if (position < (await context.api.deps.journal.events.floor(lifeClass))) {
      throw badRequest("POSITION_BELOW_FLOOR", "Events after this position have expired.");
    }
  }
  return position;
}

builder.queryField("auditEvents", (t) =>
  t.field({
    type: events,
    description:
      "Admin events of the caller's subtree, oldest first; with `types` also traffic, such as `VerdictRecorded`. `after` is any position; a page may hold fewer than `first` while there are more.",
    args: {
      first: t.arg.int(),
      after: t.arg.string(),
      where: t.arg({ type: auditWhere }),
      waitFor: t.arg.string({ description: waitForDescription }),
    },
    resolve: async (_root, args, context): Promise<ConnectionOf<RecordedEvent>> => {
      await waitForPosition(context, args.waitFor, ["audit-trail"]);
      spendRows(context, args);
      const { cursors, deps } = context.api;
      const where = toFeedWhere(args.where);
      // Without types the list is of admin events, which never expire: paging through years of them passes every floor.
      const after = await readAfter(context, args.after, where.types === undefined ? [] : classesAdmitted(where));
      const page = await readAuditPage(deps, context.caller, { after, where, first: pageSize(args) });
      const edges = await Promise.all(
        page.found.map(async (event) => ({
          cursor: await cursors.format(event.position),
          node: showEvent(deps, context.caller, event),
        })),
      );
      return {
        edges,
        pageInfo: {
          hasNextPage: page.more,
          hasPreviousPage: args.after !== null && args.after !== undefined,
          startCursor: edges[0]?.cursor ?? null,
          endCursor: await cursors.format(page.end),
        },
      };
    },
  }),
);
