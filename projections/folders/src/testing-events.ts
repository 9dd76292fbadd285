import type { MailEvent, SpecialUse } from "@mailfold/events";
import type { FolderId, Position, RecordedEvent } from "@mailfold/kernel";
import { foldersFold } from "./folders-fold.ts";
import type { FolderOutcome, MailboxState } from "./state.ts";

export const mailboxKey = "mbx_00000000000000000000000001";

/** An event at a place of its stream, with an id that follows from the place. */
export function recorded(event: MailEvent, revision: number): RecordedEvent<MailEvent> {
  return {
    ...event,
    id: `00000000-0000-7000-8000-${revision.toString(16).padStart(12, "0")}`,
    stream: `mail-${mailboxKey}`,
    revision,
    position: String(revision).padStart(16, "0") as Position,
    occurredAt: 0,
    metadata: { actor: { type: "system", id: "test" } },
  } as RecordedEvent<MailEvent>;
}

/** Folds a whole stream. */
export function foldAll(
  events: readonly MailEvent[],
  restoredAt = 0,
): { readonly state: MailboxState; readonly outcomes: FolderOutcome[] } {
  let state = foldersFold.initial(mailboxKey, { restoredAt });
  const outcomes = events.map((event, revision) => {
    const result = foldersFold.apply(state, recorded(event, revision));
    state = result.state;
    return result.outcome;
  });
  return { state, outcomes };
}

/** All of a state as plain JSON, for comparing. */
export function plainState(state: MailboxState): unknown {
  return {
    folders: [...state.folders.values()].map((folder) => ({
      folderId: folder.folderId,
      name: folder.name,
      specialUse: folder.specialUse ?? null,
      uidValidity: folder.uidValidity,
      uidNext: folder.uidNext,
      highestModseq: folder.highestModseq,
      messages: folder.messages,
    })),
    subscriptions: [...state.subscriptions],
    totalBytes: state.totalBytes,
    totalMessages: state.totalMessages,
  };
}

/** INBOX's id before an event names one. */
export const inboxId = `fld_${mailboxKey.slice(4)}` as FolderId;
export const id = (n: number) => `fld_${n}` as FolderId;

/** `folder`: an id, INBOX, a special use, or where a rule files: `{ name, folderId }`. */
export function delivered(
  deliveryId: string,
  folder: FolderId | "INBOX" | SpecialUse | { readonly name: string; readonly folderId: FolderId } = "INBOX",
  flags: string[] = [],
): MailEvent {
  const byWord = (word: string) =>
    word === "INBOX" ? word : word.startsWith("fld_") ? { id: word } : { specialUse: word };
  const target = typeof folder === "string" ? byWord(folder) : folder;
  return {
    type: "MessageDelivered",
    data: {
      deliveryId,
      folder: target as never,
      body: { tenantId: "ten_1", sha256: deliveryId.padStart(64, "0"), sizeBytes: 90 },
      prefix: "P: 1\r\n",
      sizeBytes: 96,
      internalDate: 1_700_000_000_000,
      flags,
    },
  };
}
export const created = (n: number, name: string, specialUse?: SpecialUse): MailEvent => ({
  type: "FolderCreated",
  data: { folderId: id(n), name, ...(specialUse ? { specialUse } : {}) },
});
export const renamed = (folderId: FolderId, name: string): MailEvent => ({
  type: "FolderRenamed",
  data: { folderId, name },
});
export const flagged = (
  uids: string,
  operation: "set" | "add" | "remove",
  flags: string[],
  unchangedSince?: number,
): MailEvent => ({
  type: "FlagsChanged",
  data: { folderId: inboxId, uids, operation, flags, ...(unchangedSince === undefined ? {} : { unchangedSince }) },
});
