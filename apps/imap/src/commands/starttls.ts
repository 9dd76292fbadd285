import { bad, type Command, ok } from "./command.ts";

/** RFC 3501 section 6.2.1. */
export const startTls: Command = {
  names: ["STARTTLS"],
  when: "before-login",
  allowExpunge: false,
  async run(session, parser, request) {
    parser.end();
    if (session.connection.secure) return bad("TLS is active already");
    await session.connection.startTls(request.tag, session.deps, session.limits);
    return ok("");
  },
};
