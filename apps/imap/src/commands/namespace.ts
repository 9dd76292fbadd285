import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 2342: one personal namespace without prefix. */
export const namespace: Command = {
  names: ["NAMESPACE"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.end();
    session.connection.out.line('* NAMESPACE (("" "/")) NIL NIL');
    return completed("NAMESPACE");
  },
};
