import { builder } from "../builder.ts";
import { aliasRef, mailboxRef } from "../objects/directory-objects.ts";
import { commandFields } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";
import { suspensionReason } from "./tenant-mutations.ts";

const mailboxCreateInput = builder.inputType("MailboxCreateInput", {
  fields: (t) => ({
    tenantId: t.id({ required: true }),
    address: t.string({ required: true, description: "Of a domain of the tenant." }),
    password: t.string({
      required: true,
      description: "8 to 256 characters; kept only as a sealed Argon2id verifier.",
    }),
    displayName: t.string(),
    quotaBytes: t.field({ type: "Long", description: "Default 5 GiB." }),
    ...commandFields(t),
  }),
});
const mailboxUpdateInput = builder.inputType("MailboxUpdateInput", {
  fields: (t) => ({
    mailboxId: t.id({ required: true }),
    displayName: t.string(),
    quotaBytes: t.field({ type: "Long" }),
    ...commandFields(t),
  }),
});
const mailboxSetPasswordInput = builder.inputType("MailboxSetPasswordInput", {
  fields: (t) => ({
    mailboxId: t.id({ required: true }),
    password: t.string({ required: true }),
    ...commandFields(t),
  }),
});
const mailboxSuspendInput = builder.inputType("MailboxSuspendInput", {
  fields: (t) => ({
    mailboxId: t.id({ required: true }),
    reason: t.field({ type: suspensionReason, description: "Default ADMIN." }),
    note: t.string(),
    ...commandFields(t),
  }),
});
const mailboxOnlyInput = (name: string) =>
  builder.inputType(name, { fields: (t) => ({ mailboxId: t.id({ required: true }), ...commandFields(t) }) });
const mailboxResumeInput = mailboxOnlyInput("MailboxResumeInput");
const mailboxDeleteInput = mailboxOnlyInput("MailboxDeleteInput");
const mailboxRestoreInput = mailboxOnlyInput("MailboxRestoreInput");
const aliasAddInput = builder.inputType("AliasAddInput", {
  fields: (t) => ({
    tenantId: t.id({ required: true }),
    address: t.string({ required: true }),
    targets: t.idList({ required: true, description: "1 to 100 mailboxes of the same tenant." }),
    ...commandFields(t),
  }),
});
const aliasRemoveInput = builder.inputType("AliasRemoveInput", {
  fields: (t) => ({ aliasId: t.id({ required: true }), ...commandFields(t) }),
});

builder.mutationFields((t) => ({
  mailboxCreate: t.field({
    type: payloadOf("MailboxCreate", "mailbox", mailboxRef),
    args: { input: t.arg({ type: mailboxCreateInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxCreate(caller, input),
  }),
  mailboxUpdate: t.field({
    type: payloadOf("MailboxUpdate", "mailbox", mailboxRef),
    args: { input: t.arg({ type: mailboxUpdateInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxUpdate(caller, input),
  }),
  mailboxSetPassword: t.field({
    type: payloadOf("MailboxSetPassword", "mailbox", mailboxRef),
    args: { input: t.arg({ type: mailboxSetPasswordInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxSetPassword(caller, input),
  }),
  mailboxSuspend: t.field({
    type: payloadOf("MailboxSuspend", "mailbox", mailboxRef),
    args: { input: t.arg({ type: mailboxSuspendInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxSuspend(caller, input),
  }),
  mailboxResume: t.field({
    type: payloadOf("MailboxResume", "mailbox", mailboxRef),
    args: { input: t.arg({ type: mailboxResumeInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxResume(caller, input),
  }),
  mailboxDelete: t.field({
    type: payloadOf("MailboxDelete", "mailbox", mailboxRef),
    description: "Soft: the mail stays, the address is free again.",
    args: { input: t.arg({ type: mailboxDeleteInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxDelete(caller, input),
  }),
  mailboxRestore: t.field({
    type: payloadOf("MailboxRestore", "mailbox", mailboxRef),
    description: "Takes the address back, unless it was given away meanwhile.",
    args: { input: t.arg({ type: mailboxRestoreInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.mailboxRestore(caller, input),
  }),
  aliasAdd: t.field({
    type: payloadOf("AliasAdd", "alias", aliasRef),
    args: { input: t.arg({ type: aliasAddInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.aliasAdd(caller, input),
  }),
  aliasRemove: t.field({
    type: payloadOf("AliasRemove", "alias", aliasRef),
    args: { input: t.arg({ type: aliasRemoveInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.aliasRemove(caller, input),
  }),
}));
