import type { HeldWhere } from "@mailfold/projection-quarantine";
import { placeScope } from "../../operations/placed-scope.ts";
import type { PlacedScope } from "../../operations/policy-records.ts";
import { createHeldCopies } from "../../records/held-copies.ts";
import { builder } from "../builder.ts";
import { pageSize, toConnection } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import { scopeInput } from "../mutations/input-fields.ts";
import { visible } from "../objects/directory-objects.ts";
import { holdKind, holdStatus, quarantineEntryRef } from "../objects/quarantine-objects.ts";
import { readCursor, waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";
import { refuseBadScope } from "./policy-queries.ts";

const entries = connectionOf("QuarantineEntry", quarantineEntryRef);

const quarantineWhere = builder.inputType("QuarantineWhere", {
  description: "All members must match.",
  fields: (t) => ({
    kind: t.field({ type: holdKind }),
    status: t.field({ type: holdStatus }),
    sender: t.string(),
    recipient: t.string(),
    reason: t.string(),
    from: t.field({ type: "DateTime", description: "Received then or later." }),
    to: t.field({ type: "DateTime" }),
    text: t.string({ description: "In sender, recipient or subject, in any case." }),
  }),
});

function toWhere(input: typeof quarantineWhere.$inferInput | null | undefined, { scope }: PlacedScope): HeldWhere {
  const given = Object.entries(input ?? {})
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [
      name,
      name === "sender" || name === "recipient" ? String(value).trim().toLowerCase() : value,
    ]);
  const place = scope.kind === "platform" ? {} : { [`${scope.kind}Id`]: scope.id };
  return { ...Object.fromEntries(given), ...place };
}

builder.queryField("quarantine", (t) =>
  t.field({
    type: entries,
    nullable: true,
    description:
      "Copies kept instead of delivered, newest first; without `where.status` also those that came to an end. Null when there is no such scope.",
    args: {
      scope: t.arg({ type: scopeInput, required: true }),
      first: t.arg.int(),
      after: t.arg.string(),
      where: t.arg({ type: quarantineWhere }),
      waitFor: t.arg.string({ description: waitForDescription }),
    },
    resolve: async (_root, args, context) => {
      await waitForPosition(context, args.waitFor, ["quarantine", "message-trace"]);
      const placed = placeScope(visible(context), context.caller, args.scope);
      if ("errors" in placed) return refuseBadScope(placed.errors[0]);
      spendRows(context, args);
      const { deps, cursors } = context.api;
      const before = args.after ? await readCursor(context, args.after, "after") : undefined;
      const page = { first: pageSize(args) + 1, before, at: deps.clock.now() };
      const rows = await createHeldCopies(deps.rows, context.caller).list(toWhere(args.where, placed), page);
      const texts = await Promise.all(rows.map((copy) => cursors.format(copy.position)));
      const cursorOf = new Map(rows.map((copy, index) => [copy.holdId, texts[index] ?? ""]));
      return toConnection(rows, args, (copy) => cursorOf.get(copy.holdId) ?? "");
    },
  }),
);
