import { ListPattern, patternLengthMax } from "../mailbox/list-pattern.ts";
import { type ListedName, listFolders } from "../mailbox/listing.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { BadSyntax, type CommandParser } from "../wire/command-parser.ts";
import { imapString } from "../wire/format.ts";
import { decodeMailboxName, encodeMailboxName } from "../wire/modified-utf7.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.3.8, with CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154) attributes. */
export const list: Command = {
  names: ["LIST"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    const pattern = parsePattern(parser);
    // An empty pattern asks for the delimiter only.
    if (pattern === "") session.connection.out.line('* LIST (\\Noselect) "/" ""');
    else {
      const wanted = new ListPattern(pattern);
      const names = listFolders(session.access.state).filter(({ name }) => wanted.matches(name));
      await writeListing(session, "LIST", names);
    }
    return completed("LIST");
  },
};

/** Reference and pattern, joined; "" when the pattern itself is empty. */
export function parsePattern(parser: CommandParser): string {
  parser.sp();
  const reference = decodeMailboxName(parser.astring());
  parser.sp();
  const pattern = decodeMailboxName(parser.listMailbox());
  parser.end();
  if (reference === undefined || pattern === undefined) throw new BadSyntax("Not modified UTF-7");
  const joined = pattern === "" ? "" : reference + pattern;
  if (joined.length > patternLengthMax) throw new BadSyntax("Pattern too long");
  return joined;
}

export async function writeListing(
  session: ImapSession,
  reply: "LIST" | "LSUB",
  names: readonly ListedName[],
): Promise<void> {
  for (const { name, attributes } of names) {
    session.connection.out.line(`* ${reply} (${attributes.join(" ")}) "/" ${imapString(encodeMailboxName(name))}`);
    await session.connection.out.relieve();
  }
}
