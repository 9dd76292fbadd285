import type { MailEvent } from "@mailfold/events";
import type { Position, RecordedEvent } from "@mailfold/kernel";
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
