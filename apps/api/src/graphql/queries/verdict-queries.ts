import type { Position } from "@mailfold/kernel";
import { type VerdictRecord, verdictOfRow } from "../../records/verdict-records.ts";
import { createVerdicts, type VerdictWhere } from "../../records/verdicts.ts";
import type { ApiContext } from "../api-context.ts";
import { builder } from "../builder.ts";
import { type ConnectionOf, type PageArgs, pageSize, toConnection } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import { explanationRef, type MessageTraceRecord, messageTraceRef, verdictRef } from "../objects/verdict-objects.ts";
import { readCursor, waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";

const traceViews = ["message-trace"];
const verdictConnection = connectionOf("Verdict", verdictRef);
const traceConnection = connectionOf("MessageTrace", messageTraceRef);

const verdictWhere = builder.inputType("VerdictWhere", {
  description: "All members must match.",
  fields: (t) => ({
    tenantId: t.id(),
    transactionId: t.string(),
    action: t.string({ description: "`accept`, `reject`, `defer`, `quarantine`, `junk`, `discard`." }),
    reason: t.string(),
    sender: t.string(),
    recipient: t.string(),
    ip: t.string(),
    messageId: t.string({ description: "The Message-ID header." }),
    from: t.field({ type: "DateTime" }),
    to: t.field({ type: "DateTime" }),
  }),
});
const traceWhere = builder.inputType("MessageTraceWhere", {
  description: "All members must match; a reference alone is enough.",
  fields: (t) => ({
    reference: t.string(),
    tenantId: t.id(),
    transactionId: t.string(),
    sender: t.string(),
    recipient: t.string(),
    messageId: t.string({ description: "The Message-ID header." }),
    from: t.field({ type: "DateTime" }),
    to: t.field({ type: "DateTime" }),
  }),
});

/** Without what is absent, addresses as they are stored. */
function toWhere(input: Readonly<Record<string, unknown>> | null | undefined): VerdictWhere {
  const members = Object.entries(input ?? {})
    .filter(([name, value]) => value !== null && value !== undefined && name !== "reference")
    .map(([name, value]) => [name, name === "sender" || name === "recipient" ? String(value).toLowerCase() : value]);
  return Object.fromEntries(members);
}

function reader({ api, caller }: ApiContext) {
  return createVerdicts(api.deps.rows, api.deps.journal.events, caller);
}

async function listVerdicts(where: VerdictWhere, args: PageArgs, context: ApiContext) {
  spendRows(context, args);
  const before = args.after ? await readCursor(context, args.after, "after") : undefined;
  const first = pageSize(args) + 1;
  return reader(context).list(where, before === undefined ? { first } : { first, before });
}

/** Cursors of a page, made before the connection: formatting one asks for the log's epoch. */
async function cursorsOf(rows: readonly { readonly position: Position }[], context: ApiContext) {
  const texts = await Promise.all(rows.map((row) => context.api.cursors.format(row.position)));
  return new Map(rows.map((row, index) => [row.position, texts[index] ?? ""]));
}

async function traceOf(transactionId: string, context: ApiContext): Promise<MessageTraceRecord | undefined> {
  const verdicts = (await reader(context).ofTransaction("verdicts", transactionId)).map(verdictOfRow);
  const newest = verdicts.at(-1);
  if (newest === undefined) return undefined;
  return { transactionId, newest, verdicts, steps: await reader(context).ofTransaction("steps", transactionId) };
}

async function toTraces(
  rows: readonly VerdictRecord[],
  args: PageArgs,
  context: ApiContext,
): Promise<ConnectionOf<MessageTraceRecord>> {
  const page = rows.slice(0, pageSize(args));
  // The cursor is that of the transaction's oldest verdict on this page, so that it does not come again.
  const oldest = new Map(page.map((row) => [row.transactionId, row]));
  const cursors = await cursorsOf(page, context);
  const traces: MessageTraceRecord[] = [];
  for (const transactionId of oldest.keys()) {
    const trace = await traceOf(transactionId, context);
    if (trace !== undefined) traces.push(trace);
  }
  const connection = toConnection(traces, args, (trace) => {
    const row = oldest.get(trace.transactionId);
    return row === undefined ? "" : (cursors.get(row.position) ?? "");
  });
  return { ...connection, pageInfo: { ...connection.pageInfo, hasNextPage: rows.length > page.length } };
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  const page = { first: t.arg.int(), after: t.arg.string(), waitFor };
  return {
    verdicts: t.field({
      type: verdictConnection,
      description: "Verdicts of the caller's subtree, newest first.",
      args: { ...page, where: t.arg({ type: verdictWhere }) },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, traceViews);
        const rows = await listVerdicts(toWhere(args.where), args, context);
        const cursors = await cursorsOf(rows, context);
        return toConnection(rows, args, (row) => cursors.get(row.position) ?? "");
      },
    }),
    messageTrace: t.field({
      type: traceConnection,
      description: "SMTP transactions of the caller's subtree and what became of them, newest first.",
      args: { ...page, where: t.arg({ type: traceWhere, required: true }) },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, traceViews);
        const { reference } = args.where;
        const found = reference ? reader(context).find(reference) : undefined;
        const where = toWhere(args.where);
        const rows = await listVerdicts(
          reference ? { ...where, transactionId: found?.transactionId ?? "" } : where,
          args,
          context,
        );
        return toTraces(rows, args, context);
      },
    }),
    explain: t.field({
      type: explanationRef,
      nullable: true,
      description: "Why a mail was treated as it was. Null when there is no such reference in the caller's subtree.",
      args: { reference: t.arg.string({ required: true }), waitFor },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, traceViews);
        const verdict = reader(context).find(args.reference);
        const flood = verdict === undefined ? reader(context).flood(args.reference) : undefined;
        return verdict === undefined && flood === undefined ? null : { reference: args.reference, verdict, flood };
      },
    }),
  };
});
