import { z } from "zod";
import type { MessageMarked } from "../mark-events.ts";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";

/** What users say of their mail. */
export const markEvents = {
  MessageMarked: defineEvent<MessageMarked>({
    name: "MessageMarked",
    meaning: "A user marked a message as spam or as not spam; the last mark of one message in one mailbox counts.",
    categories: ["mark"],
    schema: z.strictObject({
      mailboxId: f.mailboxId,
      messageKey: f.text,
      body: f.bodyRef,
      transactionId: f.optional(f.messageId),
      verdictId: f.optional(f.verdictId),
      mark: z.enum(["spam", "notSpam"]),
      by: z.enum(["move", "flag", "api", "release"]),
    }),
  }),
} as const;
