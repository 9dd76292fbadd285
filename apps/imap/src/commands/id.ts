import type { CommandParser } from "../wire/command-parser.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 2971. What the client says of itself is read and not kept. */
export const id: Command = {
  names: ["ID"],
  when: "always",
  allowExpunge: true,
  async run(session, parser) {
    parser.sp();
    if (parser.peek("(")) parser.list(() => stringOrNil(parser), 60);
    else stringOrNil(parser);
    parser.end();
    session.connection.out.line('* ID ("name" "Mailfold")');
    return completed("ID");
  },
};

function stringOrNil(parser: CommandParser): void {
  if (parser.peek("N") || parser.peek("n")) parser.atom();
  else parser.string();
}
