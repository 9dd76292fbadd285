import { type SenderList, scopeId } from "@mailfold/domain";
import { senderListAt } from "../../history/sender-list-at.ts";
import { placeScope } from "../../operations/placed-scope.ts";
import type { ShownSenderEntry } from "../../operations/policy-records.ts";
import { createSenderEntries, type EntryPlace } from "../../records/sender-entries.ts";
import { badRequest } from "../api-error.ts";
import { asOfInput, readMoment } from "../as-of-input.ts";
import { builder } from "../builder.ts";
import { pageSize, toConnection } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import { scopeInput } from "../mutations/input-fields.ts";
import { effectivePolicyRef, senderEntryRef, senderListEnum } from "../objects/policy-objects.ts";
import { waitForDescription } from "./directory-queries.ts";
import { readLearned } from "./learned-list.ts";
import { readSenderListWhere, senderListWhere } from "./sender-list-where.ts";

const entries = connectionOf("SenderEntry", senderEntryRef);

function toCursor({ list, pattern }: EntryPlace): string {
  return Buffer.from(`${list} ${pattern}`, "utf8").toString("base64url");
}

function fromCursor(cursor: string | null | undefined): EntryPlace | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const match = /^(accept|kill) (.{1,320})$/.exec(Buffer.from(cursor, "base64url").toString("utf8"));
  if (match === null) throw badRequest("POSITION_INVALID", "after is not a cursor of this list.");
  return { list: match[1] as SenderList, pattern: match[2] ?? "" };
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  const asOf = t.arg({ type: asOfInput });
  return {
    effectivePolicy: t.field({
      type: effectivePolicyRef,
      nullable: true,
      description:
        "All settings in force at a scope, each with where it is set. Null when there is no such scope, with asOf: when there was none.",
      args: { scope: t.arg({ type: scopeInput, required: true }), waitFor, asOf },
      resolve: async (_root, args, context) => {
        const { view, position } = await readMoment(context, args);
        const placed = placeScope(view, context.caller, args.scope);
        if ("errors" in placed) return refuseBadScope(placed.errors[0]);
        const { deps, timelines } = context.api;
        const { path } = placed;
        const policy = position === undefined ? deps.policy.current() : await timelines.at(path, position);
        const settings = policy.effective(path);
        return { placed, settings };
      },
    }),
    senderList: t.field({
      type: entries,
      nullable: true,
      description:
        "Standing entries of a scope's accept and kill lists, without `list` of both; or its learned listings in force, newest first, then what the platform's listings stopped of it. Null when there is no such scope.",
      args: {
        scope: t.arg({ type: scopeInput, required: true }),
        list: t.arg({ type: senderListEnum }),
        where: t.arg({ type: senderListWhere }),
        first: t.arg.int(),
        after: t.arg.string(),
        waitFor,
        asOf,
      },
      resolve: async (_root, args, context) => {
        const { view, position } = await readMoment(context, args);
        const placed = placeScope(view, context.caller, args.scope);
        if ("errors" in placed) return refuseBadScope(placed.errors[0]);
        spendRows(context, args);
        const { list } = args;
        if (list === "learned") return readLearned(context, { placed, args, isPast: position !== undefined });
        const { pattern } = readSenderListWhere(args.where, false);
        const stored = context.api.deps.rows;
        const where = {
          scope: scopeId(placed.scope),
          list: list ?? undefined,
          pattern,
          first: pageSize(args) + 1,
          after: fromCursor(args.after),
        };
        const rows =
          position === undefined
            ? createSenderEntries(stored).list(where)
            : await senderListAt(stored, position, where);
        return toConnection<ShownSenderEntry>(rows, args, (row) => toCursor(row as EntryPlace));
      },
    }),
  };
});

/** A query answers null for what is missing or foreign, and says what is wrong with bad input. */
export function refuseBadScope(refusal: { readonly code: string; readonly message: string } | undefined): null {
  if (refusal?.code === "INVALID_INPUT") throw badRequest("INVALID_INPUT", refusal.message);
  return null;
}
