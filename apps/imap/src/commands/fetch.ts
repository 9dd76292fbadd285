import { setImmediate as yieldToOthers } from "node:timers/promises";
import { BodyCorrupt } from "@mailfold/blob-store";
import { MimeBudgetExceeded } from "@mailfold/mime";
import { type FolderMessage, formatUidSet, messageByUid } from "@mailfold/projection-folders";
import { firstRead } from "../mailbox/first-read.ts";
import { messagesPerEventMax } from "../mailbox/mail-access.ts";
import { locateSection } from "../mailbox/section.ts";
import type { Target } from "../mailbox/selected-folder.ts";
import { BodyMissing, StoredMessage } from "../mailbox/stored-message.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { BadSyntax, Refused } from "../wire/command-parser.ts";
import { imapDateTime } from "../wire/format.ts";
import { formatEnvelope, formatStructure } from "../wire/structure.ts";
import { chunked } from "./chunked.ts";
import { type Command, no } from "./command.ts";
import { completed } from "./completed.ts";
import { expungedMeanwhile } from "./expunged-meanwhile.ts";
import { type FetchItem, parseFetchItems } from "./fetch-items.ts";

type SectionItem = Extract<FetchItem, { type: "section" }>;
/** Messages without any waiting after which others get their turn. */
const messagesPerTurn = 500;
/** Of one message, held before they are sent: structure, envelope, picked header fields. Twice what the index keeps. */
const preparedBytesMax = 16_777_216;

/** RFC 3501 section 6.4.5. Replies stream at the reader's speed; at most one message's small parts are in memory. */
export const fetch: Command = {
  names: ["FETCH", "UID FETCH"],
  when: "selected",
  allowExpunge: false,
  async run(session, parser, { byUid, ownModseqs }) {
    parser.sp();
    const set = parser.sequenceSet();
    parser.sp();
    const asked = parseFetchItems(parser);
    parser.end();
    const { folder, view } = session.current();
    const targets = view.targets(folder, set, byUid);
    if (targets === undefined) throw new BadSyntax("No such message");
    const items: FetchItem[] = byUid && !asked.some(({ type }) => type === "UID") ? [{ type: "UID" }, ...asked] : asked;
    const seen = asked.some((item) => item.type === "section" && !item.peek)
      ? await markSeen(session, targets, ownModseqs)
      : new Set<number>();
    const troubles = { gone: 0, unreadable: 0 };
    for (const [at, target] of targets.entries()) {
      if (session.ending) throw new Refused("Session ends", "UNAVAILABLE");
      if (at % messagesPerTurn === messagesPerTurn - 1) await yieldToOthers();
      // A FETCH of \Seen's own making shows the new flags too (RFC 3501 section 6.4.5).
      const showFlags = seen.has(target.uid) && !items.some(({ type }) => type === "FLAGS");
      await fetchOne(session, target, showFlags ? [...items, { type: "FLAGS" }] : items, troubles);
    }
    if (troubles.unreadable > 0) return no("Some messages could not be read", "SERVERBUG");
    return troubles.gone > 0 && !byUid ? expungedMeanwhile : completed("FETCH");
  },
};

async function markSeen(
  session: ImapSession,
  targets: readonly Target[],
  ownModseqs: Set<number>,
): Promise<ReadonlySet<number>> {
  const { folder, view } = session.current();
  if (view.readOnly) return new Set();
  const unseen = targets.filter(({ message }) => message !== undefined && !message.flags.includes("\\Seen"));
  const uids = unseen.map(({ uid }) => uid);
  const change = { operation: "add" as const, flags: ["\\Seen"] };
  const events = chunked(unseen, messagesPerEventMax).map((part) => ({
    type: "FlagsChanged" as const,
    data: {
      folderId: folder.folderId,
      uids: formatUidSet(part.map(({ uid }) => uid)),
      ...change,
      ...firstRead(
        folder,
        change,
        part.map(({ message }) => message),
      ),
    },
  }));
  for (const { modseq } of await session.access.commit(events)) ownModseqs.add(modseq);
  return new Set(uids);
}

async function fetchOne(
  session: ImapSession,
  { sequence, uid }: Target,
  items: readonly FetchItem[],
  troubles: { gone: number; unreadable: number },
): Promise<void> {
  // Looked up anew: the reply may have been under way for long.
  const message = messageByUid(session.current().folder, uid);
  if (message === undefined) {
    troubles.gone += 1;
    return;
  }
  const { out } = session.connection;
  const stored = new StoredMessage(message, session.shared);
  let parts: Prepared[];
  try {
    if (items.some(readsMuch)) await stored.load();
    parts = await prepareAll(session, message, stored, items);
  } catch (error) {
    if (!(error instanceof BodyMissing || error instanceof BodyCorrupt || error instanceof MimeBudgetExceeded))
      throw error;
    session.deps.log.error({ err: error, sessionId: session.connection.id }, "imap message unreadable");
    troubles.unreadable += 1;
    return;
  }
  out.text(`* ${sequence} FETCH (`);
  for (const [at, part] of parts.entries()) {
    if (at > 0) out.text(" ");
    await writePart(session, stored, part);
  }
  out.line(")");
  await out.relieve();
}

/** Whether the item needs more than the header, so that one verified read of a small message pays. */
function readsMuch(item: FetchItem): boolean {
  return (
    item.type === "section" &&
    (item.section.path.length > 0 || item.section.kind === "" || item.section.kind === "TEXT")
  );
}

/** A piece of a FETCH reply that is known to be readable: text, or octets that are streamed as a literal. */
type Prepared =
  | { readonly text: string }
  | { readonly label: string; readonly bytes: Buffer }
  | { readonly label: string; readonly start: number; readonly end: number };

async function prepareAll(
  session: ImapSession,
  message: FolderMessage,
  stored: StoredMessage,
  items: readonly FetchItem[],
): Promise<Prepared[]> {
  const parts: Prepared[] = [];
  let heldBytes = 0;
  for (const item of items) {
    const part: Prepared =
      item.type === "section"
        ? await prepareSection(stored, item)
        : { text: `${item.type} ${await attribute(session, message, stored, item.type)}` };
    heldBytes += "text" in part ? part.text.length : "bytes" in part ? part.bytes.length : 0;
    if (heldBytes > preparedBytesMax) throw new Refused("Too much asked of one message at once", "LIMIT");
    parts.push(part);
  }
  return parts;
}

async function attribute(
  session: ImapSession,
  message: FolderMessage,
  stored: StoredMessage,
  type: Exclude<FetchItem["type"], "section">,
): Promise<string> {
  switch (type) {
    case "FLAGS":
      return session.current().view.shownFlags(message);
    case "UID":
      return String(message.uid);
    case "INTERNALDATE":
      return imapDateTime(message.internalDate);
    case "RFC822.SIZE":
      return String(stored.sizeBytes);
    case "ENVELOPE":
      return formatEnvelope((await stored.index()).root.envelope ?? {});
    default:
      return formatStructure((await stored.index()).root, type === "BODYSTRUCTURE");
  }
}

async function prepareSection(stored: StoredMessage, item: SectionItem): Promise<Prepared> {
  const { partial } = item;
  const label = partial === undefined ? item.label : `${item.label}<${partial.offset}>`;
  const content = await locateSection(stored, item.section);
  if (content === undefined) return { text: `${label} NIL` };
  if ("bytes" in content) {
    const { bytes } = content;
    return { label, bytes: partial ? bytes.subarray(partial.offset, partial.offset + partial.length) : bytes };
  }
  const start = Math.min(content.end, content.start + (partial?.offset ?? 0));
  const end = partial === undefined ? content.end : Math.min(content.end, start + partial.length);
  return { label, start, end };
}

async function writePart(session: ImapSession, stored: StoredMessage, part: Prepared): Promise<void> {
  const { out } = session.connection;
  if ("text" in part) {
    out.text(part.text);
    return;
  }
  if ("bytes" in part) {
    out.text(`${part.label} {${part.bytes.length}}\r\n`);
    out.bytes(part.bytes);
    return;
  }
  out.text(`${part.label} {${part.end - part.start}}\r\n`);
  try {
    for await (const piece of stored.pieces(part.start, part.end)) {
      out.bytes(piece);
      await out.relieve();
    }
  } catch (error) {
    // The literal's length is promised already: only a cut connection tells the client that it is not all there.
    session.connection.destroy();
    throw error;
  }
}
