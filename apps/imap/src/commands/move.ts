import { Refused } from "../wire/command-parser.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";
import { parseTransfer, transfer } from "./copy.ts";
import { expungedMeanwhile, missesSome } from "./expunged-meanwhile.ts";

/** RFC 6851: COPYUID comes untagged before the EXPUNGE replies (section 4.3). */
export const move: Command = {
  names: ["MOVE", "UID MOVE"],
  when: "selected",
  allowExpunge: true,
  async run(session, parser, { byUid }) {
    const wanted = parseTransfer(session, parser, byUid);
    if (session.current().view.readOnly) throw new Refused("Mailbox is read-only", "READ-ONLY");
    const moved = await transfer(session, "MessagesMoved", wanted);
    if (moved !== undefined) session.connection.out.line(`* OK [${moved}] Moved`);
    return missesSome(wanted.targets, byUid) ? expungedMeanwhile : completed("MOVE");
  },
};
