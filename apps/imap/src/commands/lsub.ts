import { ListPattern } from "../mailbox/list-pattern.ts";
import { listSubscriptions } from "../mailbox/listing.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";
import { parsePattern, writeListing } from "./list.ts";

/** RFC 3501 section 6.3.9. */
export const lsub: Command = {
  names: ["LSUB"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    const pattern = parsePattern(parser);
    if (pattern === "") session.connection.out.line('* LSUB (\\Noselect) "/" ""');
    else {
      const names = listSubscriptions(session.access.state, new ListPattern(pattern));
      await writeListing(session, "LSUB", names);
    }
    return completed("LSUB");
  },
};
