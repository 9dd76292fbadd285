import type { FolderOutcome } from "@mailfold/projection-folders";
import { Refused } from "../wire/command-parser.ts";

const texts: Readonly<Record<Extract<FolderOutcome, { type: "refused" }>["cause"], readonly [string, string]>> = {
  "name-taken": ["A mailbox of that name exists", "ALREADYEXISTS"],
  "no-such-folder": ["No such mailbox", "NONEXISTENT"],
  inbox: ["INBOX cannot be deleted", "CANNOT"],
  "has-children": ["Delete the mailboxes below it first", "HASCHILDREN"],
  "too-many": ["Too many mailboxes, or the name is too long or too deep", "LIMIT"],
  "bad-name": ["Not a possible mailbox name", "CANNOT"],
};

/** Turns what the fold refused into the tagged NO (codes of RFC 5530, HASCHILDREN of RFC 9051). */
export function throwIfRefused(outcome: FolderOutcome): void {
  if (outcome.type !== "refused") return;
  const [text, code] = texts[outcome.cause];
  throw new Refused(text, code);
}
