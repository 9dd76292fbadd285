import type { FolderCreated, FolderSubscriptionChanged, SpecialUse } from "@mailfold/events";
import { deriveId } from "@mailfold/ids";
import type { Decider, MailboxId } from "@mailfold/kernel";

// RFC 6154 special uses, under the names that most clients expect.
const folders: readonly (readonly [name: string, specialUse: SpecialUse | undefined])[] = [
  ["INBOX", undefined],
  ["Drafts", "drafts"],
  ["Sent", "sent"],
  ["Junk", "junk"],
  ["Trash", "trash"],
  ["Archive", "archive"],
];

type FolderEvent = FolderCreated | FolderSubscriptionChanged;

/**
 * Folders of a new mailbox, subscribed: Thunderbird and others show no folder that is not. Their ids follow from the
 * mailbox's, so that a repeated creation makes no second set.
 */
export function defaultFolders(idSecret: Buffer, mailboxId: MailboxId): readonly FolderEvent[] {
  return folders.flatMap(([name, specialUse]): FolderEvent[] => [
    {
      type: "FolderCreated",
      data: {
        folderId: deriveId("folder", idSecret, mailboxId, name),
        name,
        ...(specialUse === undefined ? {} : { specialUse }),
      },
    },
    { type: "FolderSubscriptionChanged", data: { name, subscribed: true } },
  ]);
}

/** Whether a mail stream has begun: all that creating a mailbox must know of it. */
export const mailStreamBegun: Decider<never, FolderEvent, boolean> = {
  name: "mailStreamBegun",
  initialState: false,
  decide: () => ({ events: [] }),
  evolve: () => true,
};
