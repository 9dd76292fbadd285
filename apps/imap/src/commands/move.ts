import { Refused } from "../wire/command-parser.ts";
import { type Command, no, ok } from "./command.ts";
import { parseTransfer, transfer } from "./copy.ts";

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
    const missed = wanted.targets.some(({ message }) => message === undefined);
    return missed ? no("Some messages were expunged meanwhile", "EXPUNGEISSUED") : ok("MOVE completed");
  },
};
