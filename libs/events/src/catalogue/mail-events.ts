import { z } from "zod";
import type {
  FlagsChanged,
  FolderCreated,
  FolderDeleted,
  FolderRenamed,
  FolderSubscriptionChanged,
  MessageDelivered,
  MessagesCopied,
  MessagesExpunged,
  MessagesMoved,
} from "../mail-events.ts";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";

const uids = z.string().regex(/^[0-9:,]+$/);

/** Events of a mailbox's content: they live as long as the mailbox. */
export const mailEvents = {
  FolderCreated: defineEvent<FolderCreated>({
    name: "FolderCreated",
    meaning: "A folder exists, unless its name was taken at this place in the stream.",
    categories: ["mail"],
    schema: z.strictObject({ folderId: f.folderId, name: f.text, specialUse: f.optional(f.specialUse) }),
  }),
  FolderRenamed: defineEvent<FolderRenamed>({
    name: "FolderRenamed",
    meaning: "A folder and its children have a new name, unless it was taken.",
    categories: ["mail"],
    schema: z.strictObject({ folderId: f.folderId, name: f.text }),
  }),
  FolderDeleted: defineEvent<FolderDeleted>({
    name: "FolderDeleted",
    meaning: "A folder and its messages are gone.",
    categories: ["mail"],
    schema: z.strictObject({ folderId: f.folderId }),
  }),
  FolderSubscriptionChanged: defineEvent<FolderSubscriptionChanged>({
    name: "FolderSubscriptionChanged",
    meaning: "A folder name was subscribed or unsubscribed.",
    categories: ["mail"],
    schema: z.strictObject({ name: f.text, subscribed: f.flag }),
  }),
  MessageDelivered: defineEvent<MessageDelivered>({
    name: "MessageDelivered",
    meaning: "A message entered a folder, by SMTP or by APPEND.",
    categories: ["mail"],
    schema: z.strictObject({
      deliveryId: f.text,
      folder: f.deliveryFolder,
      body: f.bodyRef,
      prefix: f.text,
      sizeBytes: f.count,
      internalDate: f.instant,
      flags: z.array(f.text),
      transactionId: f.optional(f.messageId),
      verdictId: f.optional(f.verdictId),
    }),
  }),
  FlagsChanged: defineEvent<FlagsChanged>({
    name: "FlagsChanged",
    meaning: "Flags of announced messages were set, added or removed.",
    categories: ["mail"],
    schema: z.strictObject({
      folderId: f.folderId,
      uids,
      operation: z.enum(["set", "add", "remove"]),
      flags: z.array(f.text),
      unchangedSince: f.optional(f.count),
      firstRead: f.optional(z.array(f.verdictId).max(50)),
    }),
  }),
  MessagesCopied: defineEvent<MessagesCopied>({
    name: "MessagesCopied",
    meaning: "Messages were copied to another folder.",
    categories: ["mail"],
    schema: z.strictObject({ folderId: f.folderId, uids, targetId: f.folderId }),
  }),
  MessagesMoved: defineEvent<MessagesMoved>({
    name: "MessagesMoved",
    meaning: "Messages were moved to another folder.",
    categories: ["mail"],
    schema: z.strictObject({ folderId: f.folderId, uids, targetId: f.folderId }),
  }),
  MessagesExpunged: defineEvent<MessagesExpunged>({
    name: "MessagesExpunged",
    meaning: "Messages are gone from a folder.",
    categories: ["mail"],
    schema: z.strictObject({ folderId: f.folderId, uids, onlyDeleted: f.flag }),
  }),
} as const;
