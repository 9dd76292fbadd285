import { kindOfId } from "@mailfold/ids";
import type { Position } from "@mailfold/kernel";
import type { VerdictRecord } from "../../records/verdict-records.ts";
import { createVerdicts, matchesVerdict, type VerdictPage, type VerdictWhere } from "../../records/verdicts.ts";
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
    messageId: t.string({ description: "The Message-ID header, with or without its angle brackets." }),
    from: t.field({ type: "DateTime" }),
    to: t.field({ type: "DateTime" }),
  }),
});
const traceWhere = builder.inputType("MessageTraceWhere", {
  description: "All members must match; a reference alone is enough.",
  fields: (t) => ({
    reference: t.string({ description: "`vrd_...` of a rejection, or `msg_...` of a 250." }),
    tenantId: t.id(),
    transactionId: t.string(),
    sender: t.string(),
    recipient: t.string(),
    messageId: t.string({ description: "The Message-ID header, with or without its angle brackets." }),
    from: t.field({ type: "DateTime" }),
    to: t.field({ type: "DateTime" }),
  }),
});

/** Without what is absent; addresses and Message-IDs as they are stored. */
function toWhere(input: Readonly<Record<string, unknown>> | null | undefined): VerdictWhere {
  const members = Object.entries(input ?? {})
    .filter(([name, value]) => value !== null && value !== undefined && name !== "reference")
    .map(([name, value]) => [name, toStored(name, value)]);
  return Object.fromEntries(members);
}

function toStored(name: string, value: unknown): unknown {
  if (name === "sender" || name === "recipient") return String(value).toLowerCase();
  if (name !== "messageId") return value;
  const text = String(value).trim();
  return text.includes("<") ? text : `<${text}>`;
}

function reader({ api, caller }: ApiContext) {
  return createVerdicts(api.deps.rows, api.deps.journal.events, caller);
}

/** A page of verdicts as asked for: its size, and the position it begins before. */
interface AskedPage {
  readonly first: number;
  readonly before: Position | undefined;
}

async function readPageArgs(args: PageArgs, context: ApiContext): Promise<AskedPage> {
  spendRows(context, args);
  return {
    first: pageSize(args),
    before: args.after ? await readCursor(context, args.after, "after") : undefined,
  };
}

/** Cursors of a page, made before the connection: formatting one asks for the log's epoch. */
async function cursorsOf(rows: readonly { readonly position: Position }[], context: ApiContext) {
  const texts = await Promise.all(rows.map((row) => context.api.cursors.format(row.position)));
  return new Map(rows.map((row, index) => [row.position, texts[index] ?? ""]));
}

/** A connection that goes on where its page ended, which may be beyond the last verdict that was found. */
async function goesOn<T>(
  connection: ConnectionOf<T>,
  { more, end }: VerdictPage,
  context: ApiContext,
): Promise<ConnectionOf<T>> {
  const endCursor = more && end !== undefined ? await context.api.cursors.format(end) : connection.pageInfo.endCursor;
  return { ...connection, pageInfo: { ...connection.pageInfo, hasNextPage: more, endCursor } };
}

/** A transaction as far as the caller may see it. */
export async function traceOf(transactionId: string, context: ApiContext): Promise<MessageTraceRecord | undefined> {
  const verdicts = await reader(context).toldInTransaction(transactionId);
  const newest = verdicts.at(-1);
  if (newest === undefined) return undefined;
  return { transactionId, newest, verdicts, steps: await reader(context).ofTransaction("steps", transactionId) };
}

async function toTraces(
  page: VerdictPage,
  asked: { readonly args: PageArgs; readonly where: VerdictWhere; readonly before: Position | undefined },
  context: ApiContext,
): Promise<ConnectionOf<MessageTraceRecord>> {
  // The cursor is that of the transaction's oldest verdict on this page, so that it does not come again.
  const oldest = new Map(page.found.map((row) => [row.transactionId, row]));
  const cursors = await cursorsOf(page.found, context);
  const { where, before } = asked;
  const traces: MessageTraceRecord[] = [];
  for (const transactionId of oldest.keys()) {
    const trace = await traceOf(transactionId, context);
    // A transaction that began on the page before was shown there whole.
    const shown = trace?.verdicts.some(
      (verdict) => before !== undefined && verdict.position >= before && matchesVerdict(where, verdict),
    );
    if (trace !== undefined && !shown) traces.push(trace);
  }
  const connection = toConnection(traces, asked.args, (trace) => {
    const row = oldest.get(trace.transactionId);
    return row === undefined ? "" : (cursors.get(row.position) ?? "");
  });
  return goesOn(connection, page, context);
}

/** The verdict that a whole mail is asked about: its first one that did not accept, else its last. */
async function decisiveOf(reference: string, context: ApiContext): Promise<VerdictRecord | undefined> {
  if (kindOfId(reference) !== "message") return undefined;
  const verdicts = (await traceOf(reference, context))?.verdicts ?? [];
  return verdicts.find((verdict) => verdict.action !== "accept") ?? verdicts.at(-1);
}

/** The transaction that a reference belongs to: a verdict's, or its own id as the sender's 250 told it. */
function transactionOf(reference: string, context: ApiContext): string {
  if (kindOfId(reference) === "message") return reference;
  return reader(context).findTold(reference)?.transactionId ?? "";
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  const page = { first: t.arg.int(), after: t.arg.string(), waitFor };
  return {
    verdicts: t.field({
      type: verdictConnection,
      description:
        "Verdicts of the caller's subtree, newest first. A page may hold fewer than `first` while there are more.",
      args: { ...page, where: t.arg({ type: verdictWhere }) },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, traceViews);
        const page = await reader(context).list(toWhere(args.where), await readPageArgs(args, context));
        const cursors = await cursorsOf(page.found, context);
        return goesOn(
          toConnection(page.found, args, (row) => cursors.get(row.position) ?? ""),
          page,
          context,
        );
      },
    }),
    messageTrace: t.field({
      type: traceConnection,
      description:
        "SMTP transactions of the caller's subtree and what became of them, newest first. A page may hold fewer than `first` while there are more.",
      args: { ...page, where: t.arg({ type: traceWhere, required: true }) },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, traceViews);
        const { reference } = args.where;
        const where = {
          ...toWhere(args.where),
          ...(reference ? { transactionId: transactionOf(reference, context) } : {}),
        };
        const asked = await readPageArgs(args, context);
        const page = await reader(context).list(where, asked);
        return toTraces(page, { args, where, before: asked.before }, context);
      },
    }),
    explain: t.field({
      type: explanationRef,
      nullable: true,
      description: "Why a mail was treated as it was. Null when there is no such reference in the caller's subtree.",
      args: {
        reference: t.arg.string({
          required: true,
          description: "`vrd_...`, or `msg_...` of a 250: then the first verdict that did not accept, else the last.",
        }),
        waitFor,
      },
      resolve: async (_root, args, context) => {
        await waitForPosition(context, args.waitFor, traceViews);
        const verdict = reader(context).findTold(args.reference) ?? (await decisiveOf(args.reference, context));
        const flood = verdict === undefined ? reader(context).flood(args.reference) : undefined;
        return verdict === undefined && flood === undefined ? null : { reference: args.reference, verdict, flood };
      },
    }),
  };
});
