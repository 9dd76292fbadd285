import { FolderSearch } from "../mailbox/search-folder.ts";
import { BadSyntax, Refused } from "../wire/command-parser.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";
import { SearchParser } from "./search-keys.ts";

const charsets: readonly string[] = ["US-ASCII", "UTF-8"];

/** RFC 3501 section 6.4.4. */
export const search: Command = {
  names: ["SEARCH", "UID SEARCH"],
  when: "selected",
  allowExpunge: false,
  async run(session, parser, { byUid }) {
    parser.sp();
    const fork = parser.fork();
    if (fork.peek("C") || fork.peek("c")) {
      if (fork.name() === "CHARSET") {
        fork.sp();
        const charset = fork.astring().toString("latin1").toUpperCase();
        if (!charsets.includes(charset)) throw new Refused("Charset not known", `BADCHARSET (${charsets.join(" ")})`);
        if (!fork.take(" ")) throw new BadSyntax("Expected search keys");
        parser.become(fork);
      }
    }
    const reader = new SearchParser(parser);
    const program = reader.program();
    const found = await new FolderSearch(session, program, reader.terms).run();
    const { out } = session.connection;
    out.text("* SEARCH");
    for (const { uid, sequence } of found) {
      out.text(` ${byUid ? uid : sequence}`);
      await out.relieve();
    }
    out.line("");
    return completed("SEARCH");
  },
};
