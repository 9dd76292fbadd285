import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.1.2: a poll for new messages, so the tail is read now. */
export const noop: Command = {
  names: ["NOOP"],
  when: "always",
  allowExpunge: true,
  async run(session, parser) {
    parser.end();
    await session.mail?.refresh();
    return completed("NOOP");
  },
};
