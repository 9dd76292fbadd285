import type { Command } from "./command.ts";
import { completed } from "./completed.ts";
import { expungeUids } from "./expunge.ts";

/** RFC 3501 section 6.4.2: expunges without a word, then nothing is selected. */
export const close: Command = {
  names: ["CLOSE"],
  when: "selected",
  allowExpunge: false,
  async run(session, parser) {
    parser.end();
    const view = session.selected;
    const folder = view === undefined ? undefined : session.access.state.folders.get(view.folderId);
    session.selected = undefined;
    if (view !== undefined && folder !== undefined && !view.readOnly) {
      const deleted = [...view.all(folder)].filter(({ message }) => message?.flags.includes("\\Deleted"));
      await expungeUids(
        session,
        folder,
        deleted.map(({ uid }) => uid),
      );
    }
    return completed("CLOSE");
  },
};
