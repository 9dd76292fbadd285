import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.1.3: BYE comes before the tagged reply. */
export const logout: Command = {
  names: ["LOGOUT"],
  when: "always",
  allowExpunge: false,
  async run(session, parser) {
    parser.end();
    session.connection.out.line("* BYE Logging out");
    session.leave();
    return completed("LOGOUT");
  },
};
