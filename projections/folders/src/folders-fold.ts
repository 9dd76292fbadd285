import type { MailEvent } from "@mailfold/events";
import type { FolderId, FoldWorld, KeyedFold, RecordedEvent } from "@mailfold/kernel";
import { folderCreated, folderDeleted, folderRenamed, subscriptionChanged } from "./folder-events.ts";
import { StoredFolder, StoredMailbox } from "./mailbox.ts";
import { flagsChanged, messageDelivered, messagesCopied, messagesExpunged, messagesMoved } from "./message-events.ts";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";
import type { FolderOutcome, MailboxState } from "./state.ts";

/**
 * The numbering fold: UID, UIDVALIDITY and MODSEQ follow from an event's place in its mailbox's stream
 * (architecture.md 6). Frozen: fixtures/ holds golden streams, and no version may renumber anything.
 */
export const foldersFold: KeyedFold<MailboxState, FolderOutcome> = {
  name: "folders",
  version: 1,
  category: "mail",
  initial: (key, world) => emptyMailbox(key, world),
  apply(state, event) {
    // The runner hands back what initial or deserialize gave it.
    return { state, outcome: outcomeOf(state as StoredMailbox, event as RecordedEvent<MailEvent>) };
  },
  serialize: (state) => writeSnapshot(state as StoredMailbox),
  deserialize: (bytes, _key, world) => readSnapshot(bytes, world),
};

/**
 * INBOX is there before any event, and its creation counts as the stream's first: so UIDVALIDITY is the same before
 * and after the first event. Its id is the mailbox's own with another prefix, until a first event names one.
 * Its highestModseq is 0 until an event touches it, so that the first event (MODSEQ 1) is seen as a change.
 */
function emptyMailbox(key: string, world: FoldWorld): StoredMailbox {
  const mailbox = new StoredMailbox(world);
  mailbox.ordinal = 1;
  const folderId = `fld_${key.slice(key.indexOf("_") + 1)}` as FolderId;
  mailbox.addFolder(new StoredFolder({ folderId, name: "INBOX" }, 1, 0, mailbox.epochSeconds));
  return mailbox;
}

function outcomeOf(mailbox: StoredMailbox, event: RecordedEvent<MailEvent>): FolderOutcome {
  switch (event.type) {
    case "FolderCreated":
      return folderCreated(mailbox, event as never);
    case "FolderRenamed":
      return folderRenamed(mailbox, event as never);
    case "FolderDeleted":
      return folderDeleted(mailbox, event as never);
    case "FolderSubscriptionChanged":
      return subscriptionChanged(mailbox, event as never);
    case "MessageDelivered":
      return messageDelivered(mailbox, event as never);
    case "FlagsChanged":
      return flagsChanged(mailbox, event as never);
    case "MessagesCopied":
      return messagesCopied(mailbox, event as never);
    case "MessagesMoved":
      return messagesMoved(mailbox, event as never);
    case "MessagesExpunged":
      return messagesExpunged(mailbox, event as never);
    default:
      // A type of a newer reader generation that may be skipped (the runner checked minReader).
      return { type: "ignored" };
  }
}
