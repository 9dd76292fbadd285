import type {
  AddressClaimed,
  AddressReleased,
  AliasAdded,
  AliasRemoved,
  MailboxCreated,
  MailboxDeleted,
  MailboxPasswordSet,
  MailboxRestored,
  MailboxResumed,
  MailboxSuspended,
  MailboxUpdated,
} from "@mailfold/domain";
import { z } from "zod";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";

/** Events of hosted accounts and the addresses they hold. */
export const mailboxEvents = {
  MailboxCreated: defineEvent<MailboxCreated>({
    name: "MailboxCreated",
    meaning: "A hosted account exists.",
    categories: ["mailbox"],
    schema: z.strictObject({
      mailboxId: f.mailboxId,
      tenantId: f.tenantId,
      domainId: f.domainId,
      address: f.text,
      displayName: f.optional(f.text),
      quotaBytes: f.count,
      verifier: f.sealed,
    }),
    personal: ["address", "displayName"],
    secret: ["verifier"],
  }),
  MailboxUpdated: defineEvent<MailboxUpdated>({
    name: "MailboxUpdated",
    meaning: "A mailbox's display name or quota changed; absent fields stay.",
    categories: ["mailbox"],
    schema: z.strictObject({
      mailboxId: f.mailboxId,
      displayName: f.optional(f.text),
      quotaBytes: f.optional(f.count),
    }),
    personal: ["displayName"],
  }),
  MailboxPasswordSet: defineEvent<MailboxPasswordSet>({
    name: "MailboxPasswordSet",
    meaning: "A mailbox has a new password.",
    categories: ["mailbox"],
    schema: z.strictObject({ mailboxId: f.mailboxId, verifier: f.sealed }),
    secret: ["verifier"],
  }),
  MailboxSuspended: defineEvent<MailboxSuspended>({
    name: "MailboxSuspended",
    meaning: "A mailbox takes no mail and no logins until resumed.",
    categories: ["mailbox"],
    schema: z.strictObject({ mailboxId: f.mailboxId, reason: f.text, note: f.optional(f.text) }),
    personal: ["note"],
  }),
  MailboxResumed: defineEvent<MailboxResumed>({
    name: "MailboxResumed",
    meaning: "A mailbox's suspension ended.",
    categories: ["mailbox"],
    schema: z.strictObject({ mailboxId: f.mailboxId }),
  }),
  MailboxDeleted: defineEvent<MailboxDeleted>({
    name: "MailboxDeleted",
    meaning: "A mailbox is gone for its users; its mail stays until an erase, its address is free.",
    categories: ["mailbox"],
    schema: z.strictObject({ mailboxId: f.mailboxId, address: f.text }),
    personal: ["address"],
  }),
  MailboxRestored: defineEvent<MailboxRestored>({
    name: "MailboxRestored",
    meaning: "A deleted mailbox is back under its address.",
    categories: ["mailbox"],
    schema: z.strictObject({ mailboxId: f.mailboxId, address: f.text }),
    personal: ["address"],
  }),
  AddressClaimed: defineEvent<AddressClaimed>({
    name: "AddressClaimed",
    meaning: "An address is taken for a mailbox; without one it lapses after 60 s.",
    categories: ["address"],
    schema: z.strictObject({
      address: f.text,
      tenantId: f.tenantId,
      domainId: f.domainId,
      mailboxId: f.mailboxId,
    }),
    personal: ["address"],
  }),
  AddressReleased: defineEvent<AddressReleased>({
    name: "AddressReleased",
    meaning: "An address is free again.",
    categories: ["address"],
    schema: z.strictObject({
      address: f.text,
      tenantId: f.tenantId,
      mailboxId: f.mailboxId,
      cause: z.enum(["deleted", "lapsed"]),
    }),
    personal: ["address"],
  }),
  AliasAdded: defineEvent<AliasAdded>({
    name: "AliasAdded",
    meaning: "An address delivers to mailboxes of its tenant.",
    categories: ["address"],
    schema: z.strictObject({
      aliasId: f.aliasId,
      address: f.text,
      tenantId: f.tenantId,
      domainId: f.domainId,
      targets: z.array(f.mailboxId),
    }),
    personal: ["address"],
  }),
  AliasRemoved: defineEvent<AliasRemoved>({
    name: "AliasRemoved",
    meaning: "An alias is gone, its address is free.",
    categories: ["address"],
    schema: z.strictObject({ aliasId: f.aliasId, address: f.text, tenantId: f.tenantId }),
    personal: ["address"],
  }),
} as const;
