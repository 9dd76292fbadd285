import type { FolderCreated, SpecialUse } from "@mailfold/events";
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

/** Folders of a new mailbox. Their ids follow from the mailbox's, so that a repeated creation makes no second set. */
export function defaultFolders(idSecret: Buffer, mailboxId: MailboxId): readonly FolderCreated[] {
  return folders.map(([name, specialUse]) => ({
    type: "FolderCreated",
    data: {
      folderId: deriveId("folder", idSecret, mailboxId, name),
      name,
      ...(specialUse === undefined ? {} : { specialUse }),
    },
  }));
}

/** Whether a mail stream has begun: all that creating a mailbox must know of it. */
export const mailStreamBegun: Decider<never, FolderCreated, boolean> = {
  name: "mailStreamBegun",
  initialState: false,
  decide: () => ({ events: [] }),
  evolve: () => true,
};
