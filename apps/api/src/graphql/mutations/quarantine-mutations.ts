import type { OperationOutcome } from "../../operations/operation-outcome.ts";
import type { HeldCopyResult } from "../../operations/operations.ts";
import { builder } from "../builder.ts";
import { senderEntryRef } from "../objects/policy-objects.ts";
import { quarantineEntryRef } from "../objects/quarantine-objects.ts";
import { commandFields, scopeInput } from "./input-fields.ts";
import { outcomeFields, userErrorRef } from "./payload.ts";

/** What became of one of several copies. */
export const quarantineResultRef = builder.objectRef<HeldCopyResult>("QuarantineResult").implement({
  description: "What became of one of the copies.",
  fields: (t) => ({
    id: t.exposeID("id"),
    entry: t.field({
      type: quarantineEntryRef,
      nullable: true,
      description: "As it is now, or with dryRun would be; null when it was refused.",
      resolve: ({ entry }) => entry ?? null,
    }),
    accepted: t.field({
      type: senderEntryRef,
      nullable: true,
      description: "The accept list's entry for its sender, when that was asked for.",
      resolve: ({ accepted }) => accepted ?? null,
    }),
    errors: t.field({
      type: [userErrorRef],
      description: "Why nothing was done with this copy.",
      resolve: ({ errors }) => [...errors],
    }),
  }),
});

function payload(name: string) {
  return builder.objectRef<OperationOutcome<readonly HeldCopyResult[]>>(name).implement({
    description: "`errors` tells of bad input alone: each copy has its own result.",
    fields: (t) => ({
      results: t.field({
        type: [quarantineResultRef],
        description: "One for each id, in their order.",
        resolve: ({ value = [] }) => [...value],
      }),
      ...outcomeFields(t),
    }),
  });
}

const releaseInput = builder.inputType("QuarantineReleaseInput", {
  fields: (t) => ({
    ids: t.idList({ required: true, description: "1 to 100 entries." }),
    acceptSender: t.boolean({ description: "Adds the sender to an accept list, so that its next mail is not held." }),
    acceptScope: t.field({ type: scopeInput, description: "Whose accept list; default the recipient's mailbox." }),
    ...commandFields(t),
  }),
});
const deleteInput = builder.inputType("QuarantineDeleteInput", {
  fields: (t) => ({ ids: t.idList({ required: true, description: "1 to 100 entries." }), ...commandFields(t) }),
});

builder.mutationFields((t) => ({
  quarantineRelease: t.field({
    type: payload("QuarantineReleasePayload"),
    description:
      "Delivers held copies to the mailboxes they were for, as they came. A commandId counts for each copy by itself.",
    args: { input: t.arg({ type: releaseInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.quarantineRelease(caller, input),
  }),
  quarantineDelete: t.field({
    type: payload("QuarantineDeletePayload"),
    description: "Throws held copies away. A commandId counts for each copy by itself.",
    args: { input: t.arg({ type: deleteInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.quarantineDelete(caller, input),
  }),
}));
