import type { Folder } from "@mailfold/projection-folders";
import { formatUidSet } from "@mailfold/projection-folders";
import { messagesPerEventMax } from "../mailbox/mail-access.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { Refused } from "../wire/command-parser.ts";
import { chunked } from "./chunked.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.4.3, UID EXPUNGE of RFC 4315 section 2.1. The replies come from the view's updates. */
export const expunge: Command = {
  names: ["EXPUNGE", "UID EXPUNGE"],
  when: "selected",
  allowExpunge: true,
  async run(session, parser, { byUid }) {
    if (byUid) parser.sp();
    const set = byUid ? parser.sequenceSet() : undefined;
    parser.end();
    const { folder, view } = session.current();
    if (view.readOnly) throw new Refused("Mailbox is read-only", "READ-ONLY");
    const named = set === undefined ? [...view.all(folder)] : (view.targets(folder, set, true) ?? []);
    const uids = named.flatMap(({ uid, message }) => (message?.flags.includes("\\Deleted") ? [uid] : []));
    await expungeUids(session, folder, uids);
    return completed("EXPUNGE");
  },
};

/** Removes these, as far as they still carry \Deleted when the event gets its place. */
export async function expungeUids(session: ImapSession, folder: Folder, uids: readonly number[]): Promise<void> {
  const { folderId } = folder;
  const events = chunked(uids, messagesPerEventMax).map((part) => ({
    type: "MessagesExpunged" as const,
    data: { folderId, uids: formatUidSet(part), onlyDeleted: true },
  }));
  await session.access.commit(events);
}
