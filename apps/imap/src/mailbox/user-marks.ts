import type { MessageMarked } from "@mailfold/events";
import type { Folder, FolderMessage } from "@mailfold/projection-folders";

/** What a user said of a message by moving or flagging it. */
export type Mark = MessageMarked["data"]["mark"];

export interface MarkedMessage {
  readonly message: FolderMessage;
  readonly mark: Mark;
  readonly by: "move" | "flag";
}

// RFC 9051 section 2.3.2, and what clients wrote before it: Thunderbird and others.
const spamKeywords = new Set(["$junk", "junk"]);
const notSpamKeywords = new Set(["$notjunk", "notjunk", "nonjunk", "$nonjunk"]);

/**
 * What carrying messages from one folder to another says of them: into Junk is spam; out of Junk is not spam, except to
 * Trash, where spam is thrown away.
 */
export function markOfTransfer(from: Folder, to: Folder): Mark | undefined {
  if (from.specialUse === to.specialUse) return undefined;
  if (to.specialUse === "junk") return "spam";
  return from.specialUse === "junk" && to.specialUse !== "trash" ? "notSpam" : undefined;
}

/** What adding these flags says; both kinds at once say nothing. Taking a keyword away says nothing either. */
export function markOfFlags(operation: "set" | "add" | "remove", flags: readonly string[]): Mark | undefined {
  if (operation === "remove") return undefined;
  const [spam, notSpam] = [hasKeyword(flags, spamKeywords), hasKeyword(flags, notSpamKeywords)];
  return spam === notSpam ? undefined : spam ? "spam" : "notSpam";
}

/** Whether a message carries a keyword of this meaning already: a client that writes all flags anew says nothing new. */
export function isMarked(message: FolderMessage, mark: Mark): boolean {
  return hasKeyword(message.flags, mark === "spam" ? spamKeywords : notSpamKeywords);
}

function hasKeyword(flags: readonly string[], keywords: ReadonlySet<string>): boolean {
  return flags.some((flag) => keywords.has(flag.toLowerCase()));
}
