import { canonicalFolderName, type Folder, folderNameProblem, type MailboxState } from "@mailfold/projection-folders";
import { Refused } from "../wire/command-parser.ts";

/** A folder that must be there. TRYCREATE where RFC 3501 wants it: APPEND, COPY, MOVE. */
export function existingFolder(state: MailboxState, name: string, code: "NONEXISTENT" | "TRYCREATE"): Folder {
  const folder = state.folderByName(name);
  if (folder === undefined) throw new Refused("No such mailbox", code);
  return folder;
}

/** The canonical form of a name for a new folder; a trailing delimiter only says that children will follow (RFC 3501 section 6.3.3). */
export function newFolderName(written: string): string {
  const name = canonicalFolderName(written.endsWith("/") ? written.slice(0, -1) : written);
  const problem = folderNameProblem(name);
  if (problem === "too-many") throw new Refused("Mailbox name too long or too deep", "LIMIT");
  if (problem === "bad-name") throw new Refused("Not a possible mailbox name", "CANNOT");
  return name;
}
