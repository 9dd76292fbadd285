import type { FlagsChanged } from "@mailfold/events";
import type { Folder, FolderMessage } from "@mailfold/projection-folders";

/** Verdicts that one event names: who reads more at once says nothing of any one sender. */
const verdictsMax = 50;

/**
 * Verdicts of the messages that flags mark as read or answered for the first time: a word in favour of who sent them. In Junk
 * it is none: there people look what was thrown away.
 */
export function firstRead(
  folder: Folder,
  change: Pick<FlagsChanged["data"], "operation" | "flags">,
  messages: readonly (FolderMessage | undefined)[],
): Pick<FlagsChanged["data"], "firstRead"> {
  const flag = ["\\Answered", "\\Seen"].find((each) => change.flags.includes(each));
  if (change.operation === "remove" || flag === undefined || folder.specialUse === "junk") return {};
  const verdicts = messages.flatMap((message) =>
    message?.verdictId === undefined || message.flags.includes(flag) ? [] : [message.verdictId],
  );
  return verdicts.length === 0 || verdicts.length > verdictsMax ? {} : { firstRead: verdicts };
}
