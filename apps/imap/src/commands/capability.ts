import { capabilities } from "../session/capabilities.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.1.1. */
export const capability: Command = {
  names: ["CAPABILITY"],
  when: "always",
  allowExpunge: true,
  async run(session, parser) {
    parser.end();
    session.connection.out.line(`* CAPABILITY ${capabilities(session)}`);
    return completed("CAPABILITY");
  },
};
