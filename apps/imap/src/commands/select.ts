import { existingFolder } from "../mailbox/folder-names.ts";
import { flagLines, SelectedFolder } from "../mailbox/selected-folder.ts";
import { type Command, ok } from "./command.ts";

/** RFC 3501 section 6.3.1. */
export const select: Command = selection("SELECT", false);

/** RFC 3501 section 6.3.2. */
export const examine: Command = selection("EXAMINE", true);

function selection(verb: string, readOnly: boolean): Command {
  return {
    names: [verb],
    when: "after-login",
    allowExpunge: false,
    async run(session, parser) {
      parser.sp();
      const name = parser.mailbox();
      parser.end();
      // RFC 3501 section 6.3.1: a failed SELECT leaves nothing selected.
      session.selected = undefined;
      await session.access.refresh();
      const folder = existingFolder(session.access.state, name, "NONEXISTENT");
      const view = new SelectedFolder(folder, session.shared.recent, readOnly);
      session.selected = view;
      const { out } = session.connection;
      for (const line of flagLines(view.flags, readOnly)) out.line(line);
      out.line(`* ${view.exists} EXISTS`);
      out.line(`* ${view.recentCount()} RECENT`);
      const unseen = folder.messages.findIndex((message) => !message.flags.includes("\\Seen"));
      if (unseen >= 0) out.line(`* OK [UNSEEN ${unseen + 1}] First unseen`);
      out.line(`* OK [UIDVALIDITY ${folder.uidValidity}] UIDs valid`);
      out.line(`* OK [UIDNEXT ${folder.uidNext}] Next UID`);
      return ok(`${verb} completed`, readOnly ? "READ-ONLY" : "READ-WRITE");
    },
  };
}
