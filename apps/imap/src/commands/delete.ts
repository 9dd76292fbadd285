import { existingFolder } from "../mailbox/folder-names.ts";
import { throwIfRefused } from "../mailbox/folder-outcome.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.3.4; a mailbox with children is refused rather than left \Noselect. */
export const deleteFolder: Command = {
  names: ["DELETE"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.sp();
    const name = parser.mailbox();
    parser.end();
    const { folderId } = existingFolder(session.access.state, name, "NONEXISTENT");
    const [result] = await session.access.commit([{ type: "FolderDeleted", data: { folderId } }]);
    if (result !== undefined) throwIfRefused(result.outcome);
    // A client that deletes what it has selected goes on without a selection.
    if (session.selected?.folderId === folderId) session.selected = undefined;
    return completed("DELETE");
  },
};
