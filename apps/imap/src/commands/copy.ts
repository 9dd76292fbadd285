import { type Folder, type FolderOutcome, formatUidSet } from "@mailfold/projection-folders";
import { existingFolder } from "../mailbox/folder-names.ts";
import { throwIfRefused } from "../mailbox/folder-outcome.ts";
import { type MarkedStep, messagesPerEventMax } from "../mailbox/mail-access.ts";
import type { Target } from "../mailbox/selected-folder.ts";
import { type MarkedMessage, markOfTransfer } from "../mailbox/user-marks.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { BadSyntax, type CommandParser, Refused } from "../wire/command-parser.ts";
import { chunked } from "./chunked.ts";
import { type Command, ok } from "./command.ts";
import { expungedMeanwhile, missesSome } from "./expunged-meanwhile.ts";
import { refuseTooManyKeywords } from "./flags.ts";
import { refuseOverQuota } from "./quota.ts";

/** RFC 3501 section 6.4.7 with COPYUID (RFC 4315 section 3). */
export const copy: Command = {
  names: ["COPY", "UID COPY"],
  when: "selected",
  allowExpunge: true,
  async run(session, parser, { byUid }) {
    const { folder, target, targets } = parseTransfer(session, parser, byUid);
    // RFC 3501 section 6.4.7: all or nothing.
    if (missesSome(targets, byUid)) return expungedMeanwhile;
    const bytes = targets.reduce((sum, { message }) => sum + (message?.sizeBytes ?? 0), 0);
    refuseOverQuota(session.access, bytes);
    return ok("COPY completed", await transfer(session, "MessagesCopied", { folder, target, targets }));
  },
};

export interface Transfer {
  readonly folder: Folder;
  readonly target: Folder;
  readonly targets: readonly Target[];
}

export function parseTransfer(session: ImapSession, parser: CommandParser, byUid: boolean): Transfer {
  parser.sp();
  const set = parser.sequenceSet();
  parser.sp();
  const name = parser.mailbox();
  parser.end();
  const { folder, view } = session.current();
  const targets = view.targets(folder, set, byUid);
  if (targets === undefined) throw new BadSyntax("No such message");
  return { folder, target: existingFolder(session.access.state, name, "TRYCREATE"), targets };
}

/** Commits a COPY or MOVE and answers its COPYUID code, or undefined when nothing was carried. */
export async function transfer(
  session: ImapSession,
  type: "MessagesCopied" | "MessagesMoved",
  { folder, target, targets }: Transfer,
): Promise<string | undefined> {
  const there = targets.flatMap(({ uid, message }) => (message === undefined ? [] : [uid]));
  const flags = new Set(targets.flatMap(({ message }) => message?.flags ?? []));
  refuseTooManyKeywords(target, flags, session.limits.keywordsMax);
  const data = { folderId: folder.folderId, targetId: target.folderId };
  const mark = markOfTransfer(folder, target);
  // A copy out of Junk is a rescue only once the original is deleted: clients without MOVE do it so.
  const isRescue = mark === "notSpam" && type === "MessagesCopied";
  const messages = new Map(targets.flatMap(({ message }) => (message === undefined ? [] : [[message.uid, message]])));
  const steps = chunked(there, messagesPerEventMax).map((part): MarkedStep => {
    const marked = part.flatMap((uid): MarkedMessage[] => {
      const message = messages.get(uid);
      return mark === undefined || isRescue || message === undefined ? [] : [{ message, mark, by: "move" }];
    });
    return { event: { type, data: { ...data, uids: formatUidSet(part) } }, marked };
  });
  const sources: number[] = [];
  const copies: number[] = [];
  let uidValidity = target.uidValidity;
  for (const { outcome } of await session.access.commitMarked(steps, carried)) {
    throwIfRefused(outcome);
    if (outcome.type !== "copied" && outcome.type !== "moved") throw new Refused("Nothing was copied");
    if (isRescue) for (const uid of outcome.sourceUids) session.selected?.rescued.remember(uid);
    sources.push(...outcome.sourceUids);
    copies.push(...outcome.targetUids);
    uidValidity = outcome.uidValidity;
  }
  if (sources.length === 0) return undefined;
  return `COPYUID ${uidValidity} ${formatUidSet(sources)} ${formatUidSet(copies)}`;
}

function carried(outcome: FolderOutcome): readonly number[] {
  return outcome.type === "copied" || outcome.type === "moved" ? outcome.sourceUids : [];
}
