import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3691: CLOSE without expunging. */
export const unselect: Command = {
  names: ["UNSELECT"],
  when: "selected",
  allowExpunge: false,
  async run(session, parser) {
    parser.end();
    session.selected = undefined;
    return completed("UNSELECT");
  },
};
