import type { MarkedVerdict } from "../../operations/operations.ts";
import { builder } from "../builder.ts";
import { commandFields } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";

const messageMarkKind = builder.enumType("MessageMarkKind", {
  values: { SPAM: { value: "spam" }, NOT_SPAM: { value: "notSpam" } } as const,
});

const messageMarkRef = builder.objectRef<MarkedVerdict>("MessageMark").implement({
  description: "What was said of a delivered message. The last word on one message in one mailbox counts.",
  fields: (t) => ({
    reference: t.exposeID("reference"),
    mark: t.expose("mark", { type: messageMarkKind }),
    mailboxIds: t.field({
      type: ["ID"],
      description: "Where copies of it lie.",
      resolve: (marked) => [...marked.mailboxIds],
    }),
  }),
});

const messageMarkInput = builder.inputType("MessageMarkInput", {
  fields: (t) => ({
    reference: t.id({ required: true, description: "The verdict that let the message in, `vrd_...`." }),
    mailboxId: t.id({ description: "Only the copy in this mailbox; all copies of the verdict when absent." }),
    mark: t.field({ type: messageMarkKind, required: true }),
    ...commandFields(t),
  }),
});

builder.mutationField("messageMark", (t) =>
  t.field({
    type: payloadOf("MessageMark", "messageMark", messageMarkRef),
    description:
      "Says of a delivered message that it is spam, or that it is not: what the tenant's classifier learns from.",
    args: { input: t.arg({ type: messageMarkInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.messageMark(caller, input),
  }),
);
