import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.4.1: everything is durable already; like NOOP otherwise. */
export const check: Command = {
  names: ["CHECK"],
  when: "selected",
  allowExpunge: true,
  async run(session, parser) {
    parser.end();
    await session.access.refresh();
    return completed("CHECK");
  },
};
