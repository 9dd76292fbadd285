import { idFromUuid } from "@mailfold/ids";
import type { MessagePreview } from "@mailfold/mime";
import { type HeldCopy, statusAt } from "@mailfold/projection-quarantine";
import { previewHeld } from "../../records/held-preview.ts";
import { createVerdicts } from "../../records/verdicts.ts";
import type { ApiContext } from "../api-context.ts";
import { builder } from "../builder.ts";
import { spendRows } from "../connection-field.ts";
import { mailboxRef, visible } from "./directory-objects.ts";
import { verdictRef } from "./verdict-objects.ts";

/** What a preview costs of the rows that one request may read. */
const rowsPerPreview = 100;

export const holdKind = builder.enumType("QuarantineKind", {
  values: {
    QUARANTINED: { value: "quarantined", description: "Refused, or thought bad: kept for somebody to look at." },
    DISCARDED: { value: "discarded", description: "Taken and hidden from its reader." },
    DEFERRED: { value: "deferred", description: "Judged again by itself at `judgeAgainAt`." },
  },
} as const);

export const holdStatus = builder.enumType("QuarantineStatus", {
  values: {
    HELD: { value: "held" },
    RELEASED: { value: "released", description: "Somebody had it delivered." },
    DELETED: { value: "deleted", description: "Somebody threw it away." },
    DELIVERED: { value: "delivered", description: "Judged again, and delivered." },
    REJECTED: { value: "rejected", description: "Judged again, and refused: another entry keeps the copy." },
    EXPIRED: { value: "expired", description: "Its time is over." },
  },
} as const);

const headerRef = builder.objectRef<MessagePreview["headers"][number]>("PreviewHeader").implement({
  fields: (t) => ({ name: t.exposeString("name"), value: t.exposeString("value") }),
});

const attachmentRef = builder.objectRef<MessagePreview["attachments"][number]>("PreviewAttachment").implement({
  fields: (t) => ({
    name: t.string({ nullable: true, resolve: (attachment) => attachment.name ?? null }),
    contentType: t.exposeString("contentType"),
    sizeBytes: t.expose("sizeBytes", { type: "Long" }),
  }),
});

const previewRef = builder.objectRef<MessagePreview>("MessagePreview").implement({
  description: "A look at mail that nobody trusts: words only, nothing to render, nothing fetched.",
  fields: (t) => ({
    headers: t.field({ type: [headerRef], resolve: ({ headers }) => [...headers] }),
    text: t.exposeString("text", { description: "Its plain text; of a message without any, the words of its HTML." }),
    attachments: t.field({ type: [attachmentRef], resolve: ({ attachments }) => [...attachments] }),
    truncated: t.exposeBoolean("truncated", { description: "There is more than is shown." }),
  }),
});

export const quarantineEntryRef = builder.objectRef<HeldCopy>("QuarantineEntry");

function previewOf(copy: HeldCopy, context: ApiContext): Promise<MessagePreview | undefined> {
  spendRows(context, { first: rowsPerPreview });
  return context.api.previews.run(() => previewHeld(context.api.deps, copy));
}

builder.node(quarantineEntryRef, {
  description: "A copy of a message that is kept instead of delivered.",
  id: { resolve: (copy) => idFromUuid("hold", copy.holdId) },
  isTypeOf: (value) => typeof value === "object" && value !== null && "holdId" in value && "expiresAt" in value,
  fields: (t) => ({
    kind: t.expose("kind", { type: holdKind }),
    status: t.field({ type: holdStatus, resolve: (copy, _args, { api }) => statusAt(copy, api.deps.clock.now()) }),
    recipient: t.exposeString("recipient"),
    sender: t.exposeString("sender", { description: "Envelope sender; empty = null sender." }),
    subject: t.exposeString("subject", { nullable: true }),
    messageId: t.exposeString("messageId", { nullable: true, description: "The Message-ID header." }),
    receivedAt: t.expose("receivedAt", { type: "DateTime" }),
    expiresAt: t.expose("expiresAt", { type: "DateTime" }),
    judgeAgainAt: t.expose("judgeAgainAt", { type: "DateTime", nullable: true }),
    attempts: t.exposeInt("attempts", { description: "How often it was judged again and deferred." }),
    settledAt: t.expose("settledAt", { type: "DateTime", nullable: true }),
    settledBy: t.exposeString("settledBy", { nullable: true, description: "Token id, or the part of Mailfold." }),
    sizeBytes: t.expose("sizeBytes", { type: "Long" }),
    reason: t.exposeString("reason", { nullable: true, description: "docs/reference/verdict-reasons.md" }),
    score: t.exposeFloat("score", { nullable: true }),
    transactionId: t.exposeString("transactionId"),
    tenantId: t.id({ nullable: true, resolve: (copy) => copy.tenantId ?? null }),
    mailbox: t.field({
      type: mailboxRef,
      nullable: true,
      resolve: (copy, _args, context) => visible(context).mailbox(copy.mailboxId) ?? null,
    }),
    verdict: t.field({
      type: verdictRef,
      nullable: true,
      description: "The verdict that held it.",
      resolve: ({ verdictId }, _args, { api, caller }) =>
        createVerdicts(api.deps.rows, api.deps.journal.events, caller).find(verdictId) ?? null,
    }),
    preview: t.field({
      type: previewRef,
      nullable: true,
      description: "Null once the copy is not held any more, and for content that takes too long to read.",
      resolve: async (copy, _args, context) => (await previewOf(copy, context)) ?? null,
    }),
  }),
});
