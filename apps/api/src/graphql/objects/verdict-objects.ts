import { setImmediate as nextTurn } from "node:timers/promises";
import { idFromUuid } from "@mailfold/ids";
import type { Row } from "@mailfold/kernel";
import type { TraceLine } from "@mailfold/policy";
import { explainVerdict, type VerdictExplanation } from "../../explain/explain-verdict.ts";
import { hiddenScope } from "../../explain/mask-facts.ts";
import { scopeNaming } from "../../explain/scope-naming.ts";
import type { VerdictRecord } from "../../records/verdict-records.ts";
import type { ApiContext } from "../api-context.ts";
import { builder } from "../builder.ts";
import { spendRows } from "../connection-field.ts";

const traceLineRef = builder.objectRef<TraceLine>("TraceLine").implement({
  description:
    "One step of a decision. Outside the reader's own subtree it says `platform policy`, without event or detail.",
  fields: (t) => ({
    step: t.exposeString("step"),
    outcome: t.string({ resolve: (line) => line.outcome }),
    setting: t.exposeString("setting", { nullable: true }),
    setAtScope: t.exposeString("setAtScope", { nullable: true }),
    byEvent: t.id({
      nullable: true,
      resolve: (line) => (line.byEvent === undefined ? null : idFromUuid("event", line.byEvent)),
    }),
    detail: t.exposeString("detail", { nullable: true }),
  }),
});

export const verdictRef = builder.objectRef<VerdictRecord>("Verdict");

/** Between two explanations this thread serves whoever else waits for it. */
function inTurn<T>({ api, left }: ApiContext, work: () => T | Promise<T>): Promise<T> {
  return api.explains.run(async () => {
    await nextTurn();
    left.throwIfAborted();
    return work();
  });
}

/** Explains a verdict once per request, however many fields ask. */
function explainOnce(context: ApiContext, verdict: VerdictRecord): Promise<VerdictExplanation | undefined> {
  const known = context.explained.get(verdict.verdictId);
  if (known !== undefined) return known;
  spendRows(context, { first: 100 });
  const made = inTurn(context, () => explainVerdict(context.api.deps, context.caller, verdict));
  context.explained.set(verdict.verdictId, made);
  return made;
}

/** A verdict's deciding scope, where the reader may know it. */
function shownScope(verdict: VerdictRecord, context: ApiContext): string {
  const mayName = scopeNaming(context.api.deps.directory, context.caller, verdict.tenantId);
  return mayName(verdict.scope) ? verdict.scope : hiddenScope;
}

builder.node(verdictRef, {
  description: "What policy decided about one recipient; its id is the reference that the reply's text ends in.",
  id: { resolve: (verdict) => verdict.verdictId },
  isTypeOf: (value) => typeof value === "object" && value !== null && "verdictId" in value && "enhancedCode" in value,
  fields: (t) => ({
    reference: t.exposeString("verdictId"),
    transactionId: t.exposeString("transactionId"),
    at: t.expose("at", { type: "DateTime" }),
    action: t.exposeString("action"),
    reason: t.exposeString("reason", { description: "docs/reference/verdict-reasons.md" }),
    code: t.exposeInt("code"),
    enhancedCode: t.exposeString("enhancedCode"),
    text: t.exposeString("text"),
    phase: t.exposeString("phase"),
    scope: t.string({ resolve: (verdict, _args, context) => shownScope(verdict, context) }),
    policyEvent: t.id({
      nullable: true,
      description: "The last policy event in the snapshot used; platform tokens only.",
      resolve: (verdict, _args, { caller }) =>
        verdict.policyEvent === null || caller.scope.kind !== "platform"
          ? null
          : idFromUuid("event", verdict.policyEvent),
    }),
    sender: t.exposeString("sender", { nullable: true, description: "Empty = null sender." }),
    recipient: t.exposeString("recipient", { nullable: true }),
    ip: t.exposeString("ip", { nullable: true }),
    subject: t.exposeString("subject", { nullable: true }),
    messageId: t.exposeString("messageId", { nullable: true, description: "The Message-ID header." }),
    sizeBytes: t.expose("sizeBytes", { type: "Long", nullable: true }),
    tenantId: t.id({ nullable: true, resolve: (verdict) => verdict.tenantId ?? null }),
    position: t.string({ resolve: (verdict, _args, { api }) => api.cursors.format(verdict.position) }),
    trace: t.field({
      type: [traceLineRef],
      description: "Recomputed from the recorded facts under the policy of then.",
      resolve: async (verdict, _args, context) => [...((await explainOnce(context, verdict))?.trace ?? [])],
    }),
    traceIsExact: t.boolean({
      description: "False: the policy of then cannot be rebuilt, and the trace is the decisive line alone.",
      resolve: async (verdict, _args, context) => (await explainOnce(context, verdict))?.exact ?? false,
    }),
  }),
});

const floodRef = builder.objectRef<Row>("Flood").implement({
  description: "Refusals of one kind that were counted instead of told one by one.",
  fields: (t) => ({
    prefix: t.string({ resolve: (row) => String(row.prefix) }),
    reason: t.string({ resolve: (row) => String(row.reason) }),
    count: t.int({ resolve: (row) => Number(row.count) }),
    from: t.field({ type: "DateTime", resolve: (row) => Number(row.from) }),
    to: t.field({ type: "DateTime", resolve: (row) => Number(row.to) }),
  }),
});

/** What a reference stands for. */
export interface Explanation {
  readonly reference: string;
  readonly verdict: VerdictRecord | undefined;
  readonly flood: Row | undefined;
}

export const explanationRef = builder.objectRef<Explanation>("Explanation").implement({
  description: "Why a mail was treated as it was.",
  fields: (t) => ({
    reference: t.exposeString("reference"),
    verdict: t.field({
      type: verdictRef,
      nullable: true,
      description: "Null when the reference is a sample of a flood.",
      resolve: ({ verdict }) => verdict ?? null,
    }),
    flood: t.field({ type: floodRef, nullable: true, resolve: ({ flood }) => flood ?? null }),
    facts: t.field({
      type: "JSON",
      nullable: true,
      description: "What was observed; what belongs to others reads as if it were not here.",
      resolve: async ({ verdict }, _args, context) =>
        verdict === undefined ? null : ((await explainOnce(context, verdict))?.facts ?? null),
    }),
    engineVersion: t.int({
      nullable: true,
      description: "Of the engine that decided.",
      resolve: async ({ verdict }, _args, context) =>
        (verdict && (await explainOnce(context, verdict)))?.engineVersion ?? null,
    }),
    warning: t.string({
      nullable: true,
      description:
        "Why the trace may not be what happened: another engine version, or a policy that cannot be rebuilt.",
      resolve: async ({ verdict }, _args, context) =>
        (verdict && (await explainOnce(context, verdict)))?.warning ?? null,
    }),
    listingId: t.id({
      nullable: true,
      description: "The learned listing that decided; null also where it is none of the reader's business.",
      resolve: async ({ verdict }, _args, context) =>
        (verdict && (await explainOnce(context, verdict)))?.listingId ?? null,
    }),
    counterfactual: t.field({
      type: "JSON",
      nullable: true,
      description:
        "The smallest single change within the reader's subtree that would have had the mail accepted, or why there is none; docs/explanation/verdicts.md.",
      resolve: async ({ verdict }, _args, context) => {
        if (verdict === undefined) return null;
        spendRows(context, { first: 100 });
        const explanation = await explainOnce(context, verdict);
        return explanation === undefined ? null : inTurn(context, explanation.counterfactual);
      },
    }),
  }),
});

const stepRef = builder.objectRef<Row>("TraceStep").implement({
  description: "What became of a message after its verdict.",
  fields: (t) => {
    const text = (column: string) =>
      t.string({
        nullable: true,
        resolve: (row) => (row[column] === null || row[column] === undefined ? null : String(row[column])),
      });
    return {
      at: t.field({ type: "DateTime", resolve: (row) => Number(row.at) }),
      kind: t.string({
        description: "`delivered`, `held`, `queued`, `attempt`, `finished`.",
        resolve: (row) => String(row.kind),
      }),
      recipient: text("recipient"),
      mailboxId: text("mailboxId"),
      folder: text("folder"),
      outcome: text("outcome"),
      host: text("host"),
      tls: text("tls"),
      code: t.int({ nullable: true, resolve: (row) => (typeof row.code === "number" ? row.code : null) }),
      enhancedCode: text("enhancedCode"),
      text: text("text"),
      attempt: t.int({ nullable: true, resolve: (row) => (typeof row.attempt === "number" ? row.attempt : null) }),
      nextAttemptAt: t.field({
        type: "DateTime",
        nullable: true,
        resolve: (row) => (typeof row.nextAttemptAt === "number" ? row.nextAttemptAt : null),
      }),
    };
  },
});

/** One SMTP transaction with all that became of it, within the reader's subtree. */
export interface MessageTraceRecord {
  readonly transactionId: string;
  readonly newest: VerdictRecord;
  readonly verdicts: readonly VerdictRecord[];
  readonly steps: readonly Row[];
}

export const messageTraceRef = builder.objectRef<MessageTraceRecord>("MessageTrace");
builder.node(messageTraceRef, {
  description: "One SMTP transaction and all that became of it; its id is the one that the sender's 250 told.",
  id: { resolve: (trace) => trace.transactionId },
  isTypeOf: (value) => typeof value === "object" && value !== null && "verdicts" in value && "steps" in value,
  fields: (t) => ({
    transactionId: t.exposeString("transactionId"),
    at: t.field({ type: "DateTime", resolve: ({ newest }) => newest.at }),
    sender: t.string({ nullable: true, resolve: ({ newest }) => newest.sender }),
    subject: t.string({ nullable: true, resolve: ({ newest }) => newest.subject }),
    messageId: t.string({ nullable: true, resolve: ({ newest }) => newest.messageId }),
    verdicts: t.field({ type: [verdictRef], resolve: ({ verdicts }) => [...verdicts] }),
    steps: t.field({ type: [stepRef], resolve: ({ steps }) => [...steps] }),
  }),
});
