import type { MailEvent, SpecialUse } from "@mailfold/events";
import { superiorNames } from "@mailfold/projection-folders";
import { newFolderName } from "../mailbox/folder-names.ts";
import { throwIfRefused } from "../mailbox/folder-outcome.ts";
import { BadSyntax, type CommandParser, Refused } from "../wire/command-parser.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

const uses: readonly string[] = ["drafts", "sent", "junk", "trash", "archive"] satisfies SpecialUse[];

/** RFC 3501 section 6.3.3; missing levels above are created too. USE is RFC 6154 section 3. */
export const create: Command = {
  names: ["CREATE"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.sp();
    const name = newFolderName(parser.mailbox());
    const specialUse = parser.take(" ") ? parseUse(parser) : undefined;
    parser.end();
    const { state } = session.access;
    const missing = superiorNames(name).filter((superior) => state.folderByName(superior) === undefined);
    const events = [...missing, name].map((created): MailEvent => {
      const folderId = session.deps.ids.newId("folder");
      const use = created === name && specialUse !== undefined ? { specialUse } : {};
      return { type: "FolderCreated", data: { folderId, name: created, ...use } };
    });
    if (state.folderByName(name) !== undefined) throw new Refused("A mailbox of that name exists", "ALREADYEXISTS");
    // RFC 6154 section 3: a use that cannot be given means no mailbox. The fold gives each use once.
    const taken =
      specialUse !== undefined && [...state.folders.values()].some((each) => each.specialUse === specialUse);
    if (taken) throw new Refused("Another mailbox has that use", "USEATTR");
    const results = await session.access.commit(events);
    const last = results.at(-1);
    if (last !== undefined) throwIfRefused(last.outcome);
    return completed("CREATE");
  },
};

function parseUse(parser: CommandParser): SpecialUse | undefined {
  parser.expect("(");
  if (parser.name() !== "USE") throw new BadSyntax("Expected USE");
  parser.sp();
  const flags = parser.list(() => parser.flag().slice(1).toLowerCase());
  parser.expect(")");
  const [use] = flags;
  // RFC 6154 section 3: what cannot be given is refused by name.
  if (flags.length > 1 || (use !== undefined && !uses.includes(use))) throw new Refused("Not supported", "USEATTR");
  return use as SpecialUse | undefined;
}
