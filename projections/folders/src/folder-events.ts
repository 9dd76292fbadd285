import type {
  FolderCreated,
  FolderDeleted,
  FolderRenamed,
  FolderSubscriptionChanged,
  SpecialUse,
} from "@mailfold/events";
import type { FolderId, RecordedEvent } from "@mailfold/kernel";
import { StoredFolder, type StoredMailbox } from "./mailbox.ts";
import { canonicalFolderName, folderLimits, folderNameProblem, isBelow } from "./names.ts";
import type { FolderMessage, FolderOutcome } from "./state.ts";

type Refused = Extract<FolderOutcome, { type: "refused" }>;

/** Most subscriptions kept; further ones are refused. */
const subscriptionsMax = 3_000;

/** CREATE: the name must be free and within the caps. As a stream's first event it may name INBOX and give it its id. */
export function folderCreated(mailbox: StoredMailbox, event: RecordedEvent<FolderCreated>): FolderOutcome {
  const { folderId, specialUse } = event.data;
  const name = canonicalFolderName(event.data.name);
  if (event.revision === 0 && name === "INBOX") return adoptInbox(mailbox, folderId);
  const folder = addedFolder(mailbox, { folderId, name, specialUse }, event.revision + 1);
  if (typeof folder === "string") return refused(folder);
  return { type: "folderCreated", folderId, uidValidity: folder.uidValidity };
}

/** Makes a folder of a canonical name, or says why not. The use goes to the first folder that claims it. */
function addedFolder(
  mailbox: StoredMailbox,
  place: { readonly folderId: FolderId; readonly name: string; readonly specialUse?: SpecialUse | undefined },
  modseq: number,
): StoredFolder | Refused["cause"] {
  const { folderId, name, specialUse } = place;
  const problem = folderNameProblem(name);
  if (problem !== undefined) return problem;
  if (mailbox.folderByName(name) !== undefined || mailbox.folders.has(folderId)) return "name-taken";
  if (mailbox.folders.size >= folderLimits.foldersMax) return "too-many";
  const use = specialUse !== undefined && mailbox.folderBySpecialUse(specialUse) === undefined ? specialUse : undefined;
  mailbox.ordinal += 1;
  const folder = new StoredFolder({ folderId, name, specialUse: use }, mailbox.ordinal, modseq, mailbox.epochSeconds);
  mailbox.addFolder(folder);
  return folder;
}

/** The folder that a rule names, made when there is none; undefined when it cannot be made. */
export function namedFolder(
  mailbox: StoredMailbox,
  target: { readonly name: string; readonly folderId: FolderId },
  modseq: number,
): StoredFolder | undefined {
  const name = canonicalFolderName(target.name);
  const known = mailbox.folderByName(name);
  if (known !== undefined) return known;
  const made = addedFolder(mailbox, { folderId: target.folderId, name }, modseq);
  return typeof made === "string" ? undefined : made;
}

/** INBOX has been there since before the first event; an explicit creation gives it an id and counts no second time. */
function adoptInbox(mailbox: StoredMailbox, folderId: FolderId): FolderOutcome {
  mailbox.removeFolder(mailbox.inbox);
  const inbox = new StoredFolder({ folderId, name: "INBOX" }, mailbox.ordinal, 1, mailbox.epochSeconds);
  mailbox.addFolder(inbox);
  return { type: "folderCreated", folderId, uidValidity: inbox.uidValidity };
}

/** RENAME: the folder and its children; all get a new UIDVALIDITY, since another folder may have had their new names. */
export function folderRenamed(mailbox: StoredMailbox, event: RecordedEvent<FolderRenamed>): FolderOutcome {
  const folder = mailbox.folders.get(event.data.folderId);
  if (folder === undefined) return refused("no-such-folder");
  const name = canonicalFolderName(event.data.name);
  const problem = folderNameProblem(name);
  if (problem !== undefined) return refused(problem);
  if (mailbox.folderByName(name) !== undefined) return refused("name-taken");
  if (folder === mailbox.inbox) return inboxRenamed(mailbox, name, event);
  if (isBelow(name, folder.name)) return refused("bad-name");
  const moves = [[folder, name] as const];
  for (const child of mailbox.folders.values()) {
    if (!isBelow(child.name, folder.name)) continue;
    const childName = name + child.name.slice(folder.name.length);
    if (folderNameProblem(childName) !== undefined) return refused("too-many");
    if (mailbox.folderByName(childName) !== undefined) return refused("name-taken");
    moves.push([child, childName]);
  }
  mailbox.ordinal += 1;
  mailbox.renameFolders(moves);
  for (const [moved] of moves) {
    moved.ordinal = mailbox.ordinal;
    moved.highestModseq = event.revision + 1;
  }
  return { type: "folderRenamed", folderId: folder.folderId };
}

/** RFC 3501 section 6.3.5: renaming INBOX moves its messages to a new folder and leaves INBOX, and its children, in place. */
function inboxRenamed(mailbox: StoredMailbox, name: string, event: RecordedEvent): FolderOutcome {
  if (mailbox.folders.size >= folderLimits.foldersMax) return refused("too-many");
  const inbox = mailbox.inbox;
  const modseq = event.revision + 1;
  mailbox.ordinal += 1;
  const place = { folderId: folderIdOfEvent(event), name };
  const target = new StoredFolder(place, mailbox.ordinal, modseq, mailbox.epochSeconds);
  mailbox.addFolder(target);
  const leaving: readonly FolderMessage[] = inbox.messages;
  inbox.messages = [];
  inbox.highestModseq = modseq;
  mailbox.forget(leaving);
  for (const { uid: _old, ...message } of leaving) mailbox.admit(target, { ...message, modseq });
  return { type: "folderRenamed", folderId: inbox.folderId };
}

/** DELETE: messages go with the folder. INBOX stays; a folder with children is refused rather than left \Noselect. */
export function folderDeleted(mailbox: StoredMailbox, event: RecordedEvent<FolderDeleted>): FolderOutcome {
  const folder = mailbox.folders.get(event.data.folderId);
  if (folder === undefined) return refused("no-such-folder");
  if (folder === mailbox.inbox) return refused("inbox");
  for (const other of mailbox.folders.values()) {
    if (isBelow(other.name, folder.name)) return refused("has-children");
  }
  mailbox.removeFolder(folder);
  return { type: "folderDeleted", folderId: folder.folderId };
}

/** SUBSCRIBE and UNSUBSCRIBE: by name, with or without a folder (RFC 3501 section 6.3.6). */
export function subscriptionChanged(
  mailbox: StoredMailbox,
  event: RecordedEvent<FolderSubscriptionChanged>,
): FolderOutcome {
  const name = canonicalFolderName(event.data.name);
  if (event.data.subscribed) {
    if (folderNameProblem(name) !== undefined) return refused("bad-name");
    if (mailbox.subscriptions.size >= subscriptionsMax) return refused("too-many");
    mailbox.subscriptions.add(name);
  } else mailbox.subscriptions.delete(name);
  return { type: "subscriptionChanged" };
}

export function refused(cause: Refused["cause"]): Refused {
  return { type: "refused", cause };
}

const crockford = "0123456789abcdefghjkmnpqrstvwxyz";

/** Id for the folder that a rename of INBOX makes: the event's own UUID in id form, so every fold agrees on it. */
function folderIdOfEvent(event: RecordedEvent): FolderId {
  const hex = event.id.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(hex)) return `fld_${event.id}` as FolderId;
  let value = BigInt(`0x${hex}`);
  let text = "";
  for (let i = 0; i < 26; i++) {
    text = crockford[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return `fld_${text}` as FolderId;
}
