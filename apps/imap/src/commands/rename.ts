import type { MailEvent } from "@mailfold/events";
import { isBelow, superiorNames } from "@mailfold/projection-folders";
import { existingFolder, newFolderName } from "../mailbox/folder-names.ts";
import { throwIfRefused } from "../mailbox/folder-outcome.ts";
import { Refused } from "../wire/command-parser.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.3.5: children follow; renaming INBOX moves its messages; missing levels above are created. */
export const rename: Command = {
  names: ["RENAME"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.sp();
    const from = parser.mailbox();
    parser.sp();
    const name = newFolderName(parser.mailbox());
    parser.end();
    const { state } = session.access;
    const { folderId, name: old } = existingFolder(state, from, "NONEXISTENT");
    // Before the levels above are made. INBOX stays, so its messages may go below it.
    if (old !== "INBOX" && isBelow(name, old)) throw new Refused("A mailbox cannot go below itself", "CANNOT");
    if (state.folderByName(name) !== undefined) throw new Refused("A mailbox of that name exists", "ALREADYEXISTS");
    const missing = superiorNames(name).filter((superior) => state.folderByName(superior) === undefined);
    const superiors = missing.map(
      (superior): MailEvent => ({
        type: "FolderCreated",
        data: { folderId: session.deps.ids.newId("folder"), name: superior },
      }),
    );
    const renamed: MailEvent = { type: "FolderRenamed", data: { folderId, name } };
    const results = await session.access.commit([...superiors, renamed]);
    const last = results.at(-1);
    if (last !== undefined) throwIfRefused(last.outcome);
    return completed("RENAME");
  },
};
