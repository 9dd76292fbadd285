import type { Folder } from "@mailfold/projection-folders";
import { existingFolder } from "../mailbox/folder-names.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { BadSyntax } from "../wire/command-parser.ts";
import { imapString } from "../wire/format.ts";
import { encodeMailboxName } from "../wire/modified-utf7.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

const items: Readonly<Record<string, (folder: Folder, session: ImapSession) => number>> = {
  MESSAGES: (folder) => folder.messages.length,
  RECENT: recentOf,
  UIDNEXT: (folder) => folder.uidNext,
  UIDVALIDITY: (folder) => folder.uidValidity,
  UNSEEN: (folder) => folder.messages.reduce((count, { flags }) => count + (flags.includes("\\Seen") ? 0 : 1), 0),
};

/** RFC 3501 section 6.3.10. */
export const status: Command = {
  names: ["STATUS"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.sp();
    const name = parser.mailbox();
    parser.sp();
    const asked = parser.list(() => parser.name(), 20);
    parser.end();
    const unknown = asked.find((item) => !Object.hasOwn(items, item));
    if (unknown !== undefined || asked.length === 0) throw new BadSyntax(`Unknown status item ${unknown ?? ""}`);
    await session.access.refresh();
    const folder = existingFolder(session.access.state, name, "NONEXISTENT");
    const values = asked.map((item) => `${item} ${items[item]?.(folder, session)}`);
    const shown = imapString(encodeMailboxName(folder.name));
    session.connection.out.line(`* STATUS ${shown} (${values.join(" ")})`);
    return completed("STATUS");
  },
};

function recentOf(folder: Folder, session: ImapSession): number {
  const { from } = session.shared.recent.claim(folder, true);
  return folder.messages.reduce((count, { uid }) => count + (uid >= from ? 1 : 0), 0);
}
