import type { FlagsChanged, MessageDelivered, MessagesCopied, MessagesExpunged, MessagesMoved } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";
import { namedFolder, refused } from "./folder-events.ts";
import { indexesWithin, lowerBound } from "./lookup.ts";
import type { StoredFolder, StoredMailbox } from "./mailbox.ts";
import type { FolderMessage, FolderOutcome } from "./state.ts";
import { parseUidSet } from "./uid-set.ts";

/** A delivery or APPEND. A missing target is INBOX: accepted mail is never lost to a folder that went away. */
export function messageDelivered(mailbox: StoredMailbox, event: RecordedEvent<MessageDelivered>): FolderOutcome {
  const { data } = event;
  if (!mailbox.firstDelivery(data.deliveryId)) return { type: "ignored" };
  const folder = deliveryTarget(mailbox, data.folder, event.revision + 1);
  const uid = mailbox.admit(folder, {
    body: mailbox.bodyRef(data.body),
    prefix: data.prefix,
    sizeBytes: data.sizeBytes,
    internalDate: data.internalDate,
    flags: mailbox.flagPool.of(data.flags),
    modseq: event.revision + 1,
    ...(data.transactionId === undefined ? {} : { transactionId: data.transactionId }),
    ...(data.verdictId === undefined ? {} : { verdictId: data.verdictId }),
  });
  return { type: "delivered", folderId: folder.folderId, uid, uidValidity: folder.uidValidity };
}

function deliveryTarget(
  mailbox: StoredMailbox,
  target: MessageDelivered["data"]["folder"],
  modseq: number,
): StoredFolder {
  if (target === "INBOX") return mailbox.inbox;
  if ("name" in target) return namedFolder(mailbox, target, modseq) ?? mailbox.inbox;
  const found = "id" in target ? mailbox.folders.get(target.id) : mailbox.folderBySpecialUse(target.specialUse);
  return found ?? mailbox.inbox;
}

/** STORE. A message changed since `unchangedSince` is left alone and named as modified (RFC 7162 section 3.1.3). */
export function flagsChanged(mailbox: StoredMailbox, event: RecordedEvent<FlagsChanged>): FolderOutcome {
  const { folderId, operation, flags, unchangedSince } = event.data;
  const folder = mailbox.folders.get(folderId);
  if (folder === undefined) return refused("no-such-folder");
  const changed: number[] = [];
  const modified: number[] = [];
  const modseq = event.revision + 1;
  // Messages share their flag lists, so a thousand of them are a few different changes.
  const changes = new Map<readonly string[], readonly string[]>();
  for (const index of indexesWithin(folder.messages, parseUidSet(event.data.uids))) {
    const message = folder.messages[index] as FolderMessage;
    if (unchangedSince !== undefined && message.modseq > unchangedSince) {
      modified.push(message.uid);
      continue;
    }
    const next = changes.get(message.flags) ?? mailbox.flagPool.change(message.flags, operation, flags);
    changes.set(message.flags, next);
    if (sameFlags(next, message.flags)) continue;
    folder.messages[index] = { ...message, flags: next, modseq };
    changed.push(message.uid);
  }
  if (changed.length > 0) folder.highestModseq = modseq;
  return { type: "flagsChanged", folderId, changed, modified };
}

/** COPY: flags and internal date are kept (RFC 3501 section 6.4.7), UIDs are the target's next ones, in source order. */
export function messagesCopied(mailbox: StoredMailbox, event: RecordedEvent<MessagesCopied>): FolderOutcome {
  return carried(mailbox, event, "copied");
}

/** MOVE (RFC 6851): COPY and removal at one place in the log. */
export function messagesMoved(mailbox: StoredMailbox, event: RecordedEvent<MessagesMoved>): FolderOutcome {
  return carried(mailbox, event, "moved");
}

function carried(
  mailbox: StoredMailbox,
  event: RecordedEvent<MessagesCopied | MessagesMoved>,
  type: "copied" | "moved",
): FolderOutcome {
  const source = mailbox.folders.get(event.data.folderId);
  const target = mailbox.folders.get(event.data.targetId);
  if (source === undefined || target === undefined) return refused("no-such-folder");
  const modseq = event.revision + 1;
  const picked: FolderMessage[] = [];
  for (const index of indexesWithin(source.messages, parseUidSet(event.data.uids))) {
    picked.push(source.messages[index] as FolderMessage);
  }
  if (type === "moved") removeMessages(mailbox, source, picked, modseq);
  const targetUids = picked.map(({ uid: _old, ...message }) => mailbox.admit(target, { ...message, modseq }));
  return {
    type,
    folderId: source.folderId,
    targetId: target.folderId,
    uidValidity: target.uidValidity,
    sourceUids: picked.map((message) => message.uid),
    targetUids,
  };
}

/** EXPUNGE and UID EXPUNGE: with `onlyDeleted`, a message that lost its \Deleted meanwhile stays. */
export function messagesExpunged(mailbox: StoredMailbox, event: RecordedEvent<MessagesExpunged>): FolderOutcome {
  const folder = mailbox.folders.get(event.data.folderId);
  if (folder === undefined) return refused("no-such-folder");
  const gone: FolderMessage[] = [];
  for (const index of indexesWithin(folder.messages, parseUidSet(event.data.uids))) {
    const message = folder.messages[index] as FolderMessage;
    if (!event.data.onlyDeleted || message.flags.includes("\\Deleted")) gone.push(message);
  }
  removeMessages(mailbox, folder, gone, event.revision + 1);
  return { type: "expunged", folderId: folder.folderId, uids: gone.map((message) => message.uid) };
}

function removeMessages(
  mailbox: StoredMailbox,
  folder: StoredFolder,
  gone: readonly FolderMessage[],
  modseq: number,
): void {
  const [first, last] = [gone[0], gone.at(-1)];
  if (first === undefined || last === undefined) return;
  const leaving = new Set(gone);
  const { messages } = folder;
  const from = lowerBound(messages, first.uid);
  const to = lowerBound(messages, last.uid) + 1;
  // A new list, never the old one changed: sessions may be reading that. Only the part in question is looked through.
  const kept = messages.slice(from, to).filter((message) => !leaving.has(message));
  folder.messages = messages.slice(0, from).concat(kept, messages.slice(to));
  folder.highestModseq = modseq;
  mailbox.forget(gone);
}

function sameFlags(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((flag, i) => flag === b[i]));
}
