import type { FlagsChanged } from "@mailfold/events";
import { type FolderOutcome, formatUidSet, messageByUid } from "@mailfold/projection-folders";
import { firstRead } from "../mailbox/first-read.ts";
import { throwIfRefused } from "../mailbox/folder-outcome.ts";
import { type MarkedStep, messagesPerEventMax } from "../mailbox/mail-access.ts";
import type { SelectedFolder, Target } from "../mailbox/selected-folder.ts";
import { isMarked, type MarkedMessage, markOfFlags } from "../mailbox/user-marks.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { BadSyntax, type CommandParser, Refused } from "../wire/command-parser.ts";
import { chunked } from "./chunked.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";
import { expungedMeanwhile, missesSome } from "./expunged-meanwhile.ts";
import { checkedFlags, refuseTooManyKeywords } from "./flags.ts";

type Change = Pick<FlagsChanged["data"], "operation" | "flags"> & { readonly silent: boolean };
const operations = { "": "set", "+": "add", "-": "remove" } as const;

/** RFC 3501 section 6.4.6. */
export const store: Command = {
  names: ["STORE", "UID STORE"],
  when: "selected",
  allowExpunge: false,
  async run(session, parser, { byUid, ownModseqs }) {
    parser.sp();
    const set = parser.sequenceSet();
    parser.sp();
    const change = parseChange(parser);
    parser.end();
    const { folder, view } = session.current();
    const targets = view.targets(folder, set, byUid);
    if (targets === undefined) throw new BadSyntax("No such message");
    if (view.readOnly) throw new Refused("Mailbox is read-only", "READ-ONLY");
    if (change.operation !== "remove") refuseTooManyKeywords(folder, change.flags, session.limits.keywordsMax);
    const there = targets.filter(({ message }) => message !== undefined);
    const { operation, flags } = change;
    const steps = chunked(there, messagesPerEventMax).map((part): MarkedStep => {
      const uids = formatUidSet(part.map(({ uid }) => uid));
      const read = firstRead(
        folder,
        change,
        part.map(({ message }) => message),
      );
      const data = { folderId: folder.folderId, uids, operation, flags, ...read };
      return { event: { type: "FlagsChanged", data }, marked: markedBy(change, part, view) };
    });
    const changed = (outcome: FolderOutcome) => (outcome.type === "flagsChanged" ? outcome.changed : []);
    for (const { outcome, modseq } of await session.access.commitMarked(steps, changed)) {
      throwIfRefused(outcome);
      ownModseqs.add(modseq);
    }
    if (!change.silent) await report(session, there, byUid);
    return missesSome(targets, byUid) ? expungedMeanwhile : completed("STORE");
  },
};

function parseChange(parser: CommandParser): Change {
  const sign = parser.take("+") ? "+" : parser.take("-") ? "-" : "";
  const item = parser.name();
  if (item !== "FLAGS" && item !== "FLAGS.SILENT") throw new BadSyntax("Expected FLAGS");
  parser.sp();
  const flags: string[] = [];
  if (parser.peek("(")) flags.push(...parser.list(() => parser.flag(), 64));
  else {
    // flag-list without parentheses.
    do flags.push(parser.flag());
    while (parser.take(" "));
  }
  return { operation: operations[sign], flags: checkedFlags(flags), silent: item === "FLAGS.SILENT" };
}

/** What a change of flags says of the messages that it changes: by a keyword, or by deleting what was copied out of Junk. */
function markedBy({ operation, flags }: Change, targets: readonly Target[], view: SelectedFolder): MarkedMessage[] {
  const mark = markOfFlags(operation, flags);
  const deletes = operation !== "remove" && flags.includes("\\Deleted");
  return targets.flatMap(({ uid, message }): MarkedMessage[] => {
    if (message === undefined) return [];
    if (mark !== undefined && !isMarked(message, mark)) return [{ message, mark, by: "flag" }];
    const isDeleted = deletes && !message.flags.includes("\\Deleted");
    return isDeleted && view.rescued.take(uid) ? [{ message, mark: "notSpam", by: "move" }] : [];
  });
}

async function report(session: ImapSession, targets: readonly Target[], byUid: boolean): Promise<void> {
  const { folder, view } = session.current();
  for (const { sequence, uid } of targets) {
    const message = messageByUid(folder, uid);
    if (message === undefined) continue;
    const uidItem = byUid ? `UID ${uid} ` : "";
    session.connection.out.line(`* ${sequence} FETCH (${uidItem}FLAGS ${view.shownFlags(message)})`);
    await session.connection.out.relieve();
  }
}
