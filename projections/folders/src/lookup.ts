import type { BodyRef } from "@mailfold/events";
import type { Folder, FolderMessage, MailboxState } from "./state.ts";
import type { UidRange } from "./uid-set.ts";

/** Index of the first message whose UID is at least this; messages.length when none. */
export function lowerBound(messages: readonly FolderMessage[], uid: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((messages[middle] as FolderMessage).uid < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The message with this UID, by binary search. */
export function messageByUid(folder: Folder, uid: number): FolderMessage | undefined {
  const message = folder.messages[lowerBound(folder.messages, uid)];
  return message?.uid === uid ? message : undefined;
}

/** Indexes of the messages within merged ranges, ascending. Work is bounded by messages, not by the width of ranges. */
export function* indexesWithin(messages: readonly FolderMessage[], ranges: readonly UidRange[]): Generator<number> {
  for (const [low, high] of ranges) {
    for (let i = lowerBound(messages, low); i < messages.length; i++) {
      if ((messages[i] as FolderMessage).uid > high) break;
      yield i;
    }
  }
}

/** What a mailbox uses: octets and messages; a copy counts like an original. For quota and the usage rows. */
export function mailboxUsage(state: MailboxState): { readonly bytes: number; readonly messages: number } {
  return { bytes: state.totalBytes, messages: state.totalMessages };
}

/** Distinct bodies that the mailbox still refers to: what its stream holds in the blob store. */
export function bodiesOf(state: MailboxState): BodyRef[] {
  const bodies = new Map<string, BodyRef>();
  for (const folder of state.folders.values()) {
    for (const { body } of folder.messages) bodies.set(`${body.tenantId}/${body.sha256}`, body);
  }
  return [...bodies.values()];
}
