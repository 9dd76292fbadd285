import type { FolderId } from "@mailfold/kernel";
import { type Folder, type FolderMessage, messageByUid, systemFlags } from "@mailfold/projection-folders";
import { resolveRanges, type SequenceSet } from "../wire/sequence-set.ts";
import { CopiedOut } from "./copied-out.ts";
import type { RecentClaims, RecentRange } from "./recent-claims.ts";

/** A message a command names: its place in this session's view, and the message if it is still there. */
export interface Target {
  readonly sequence: number;
  readonly uid: number;
  readonly message: FolderMessage | undefined;
}

/**
 * A session's view of its selected folder. Sequence numbers are this session's own: others may expunge, yet a number
 * keeps its meaning until this client was told (RFC 3501 section 7.4.1).
 */
export class SelectedFolder {
  readonly folderId: FolderId;
  readonly readOnly: boolean;
  /** Of a Junk folder: what was copied out of it. */
  readonly rescued = new CopiedOut();
  #uids: Uint32Array;
  #seenModseq: number;
  #holdsGone = false;
  #shownFlags: string;
  readonly #recent: RecentRange[];
  readonly #claims: RecentClaims;

  constructor(folder: Folder, claims: RecentClaims, readOnly: boolean) {
    this.folderId = folder.folderId;
    this.readOnly = readOnly;
    this.#claims = claims;
    this.#uids = Uint32Array.from(folder.messages, (message) => message.uid);
    this.#seenModseq = folder.highestModseq;
    this.#recent = [claims.claim(folder, readOnly)];
    this.#shownFlags = folderFlags(folder).join(" ");
  }

  get exists(): number {
    return this.#uids.length;
  }

  get flags(): string {
    return this.#shownFlags;
  }

  recentCount(): number {
    let count = 0;
    for (const uid of this.#uids) if (this.isRecent(uid)) count += 1;
    return count;
  }

  isRecent(uid: number): boolean {
    return this.#recent.some((range) => uid >= range.from && uid < range.to);
  }

  /** Flags as FETCH shows them. */
  shownFlags(message: FolderMessage): string {
    const recent = this.isRecent(message.uid) ? ["\\Recent"] : [];
    return `(${[...recent, ...message.flags].join(" ")})`;
  }

  /** Messages a set names, ascending; undefined when a sequence number is beyond the last (BAD). UIDs that are not there are passed over. */
  targets(folder: Folder, set: SequenceSet, byUid: boolean): Target[] | undefined {
    const largest = byUid ? (this.#uids.at(-1) ?? 0) : this.#uids.length;
    const ranges = resolveRanges(set, largest);
    if (!byUid && ranges.some(([low, high]) => low < 1 || high > this.#uids.length)) return undefined;
    const targets: Target[] = [];
    for (const [low, high] of ranges) {
      const start = byUid ? this.#lowerBound(low) : low - 1;
      for (let index = start; index < this.#uids.length; index++) {
        const uid = this.#uids[index] as number;
        if (byUid ? uid > high : index >= high) break;
        targets.push({ sequence: index + 1, uid, message: messageByUid(folder, uid) });
      }
    }
    return targets;
  }

  /** All messages of the view. */
  *all(folder: Folder): Generator<Target> {
    for (let index = 0; index < this.#uids.length; index++) {
      const uid = this.#uids[index] as number;
      yield { sequence: index + 1, uid, message: messageByUid(folder, uid) };
    }
  }

  /**
   * Untagged replies for what changed since the last call: EXPUNGE (only if allowed now), EXISTS and RECENT, FLAGS,
   * FETCH. Messages whose latest change is one of `ownModseqs` are not repeated: this command reported them.
   */
  *updates(folder: Folder, allowExpunge: boolean, ownModseqs: ReadonlySet<number>): Generator<string> {
    const changed = folder.highestModseq > this.#seenModseq;
    if (!changed && !(this.#holdsGone && allowExpunge)) return;
    const since = this.#seenModseq;
    this.#seenModseq = folder.highestModseq;
    // The fold goes on while a slow client takes these replies; a removal there makes a new list and leaves this one.
    const { messages } = folder;
    yield* this.#expunges(messages, allowExpunge);
    const before = this.#uids.length;
    yield* this.#arrivals(folder, messages);
    yield* this.#newKeywords(folder);
    for (const message of messages) {
      if (message.modseq <= since || ownModseqs.has(message.modseq)) continue;
      const index = this.#lowerBound(message.uid);
      // Arrivals were announced by EXISTS.
      if (index >= before || this.#uids[index] !== message.uid) continue;
      yield `* ${index + 1} FETCH (UID ${message.uid} FLAGS ${this.shownFlags(message)})`;
    }
  }

  /** Keywords that came into use; those that went out of use stay shown until the next SELECT. */
  *#newKeywords(folder: Folder): Generator<string> {
    const flags = new Set([...this.#shownFlags.split(" "), ...folderFlags(folder)]);
    const shown = [...flags].join(" ");
    if (shown === this.#shownFlags) return;
    this.#shownFlags = shown;
    yield* flagLines(shown, this.readOnly);
  }

  *#expunges(messages: readonly FolderMessage[], allowExpunge: boolean): Generator<string> {
    const kept = new Uint32Array(this.#uids.length);
    let count = 0;
    let at = 0;
    for (const uid of this.#uids) {
      while ((messages[at]?.uid ?? uid) < uid) at += 1;
      if (messages[at]?.uid === uid) kept[count++] = uid;
      else if (allowExpunge) yield `* ${count + 1} EXPUNGE`;
    }
    this.#holdsGone = !allowExpunge && count < this.#uids.length;
    if (allowExpunge && count < this.#uids.length) this.#uids = kept.slice(0, count);
  }

  *#arrivals(folder: Folder, messages: readonly FolderMessage[]): Generator<string> {
    const last = this.#uids.at(-1) ?? 0;
    const news: number[] = [];
    for (let at = messages.length - 1; at >= 0; at--) {
      const uid = (messages[at] as FolderMessage).uid;
      if (uid <= last) break;
      news.push(uid);
    }
    if (news.length === 0) return;
    const uids = new Uint32Array(this.#uids.length + news.length);
    uids.set(this.#uids);
    uids.set(news.reverse(), this.#uids.length);
    this.#uids = uids;
    const claimed = this.#claims.claim(folder, this.readOnly);
    if (claimed.to > claimed.from) this.#recent.push(claimed);
    yield `* ${this.#uids.length} EXISTS`;
    yield `* ${this.recentCount()} RECENT`;
  }

  #lowerBound(uid: number): number {
    let low = 0;
    let high = this.#uids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#uids[middle] as number) < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Flags in use in a folder, system flags first. Messages share their flag lists, so this looks at few of them twice. */
export function folderFlags(folder: Folder): string[] {
  const lists = new Set<readonly string[]>();
  for (const message of folder.messages) lists.add(message.flags);
  const keywords = new Set<string>();
  for (const list of lists) for (const flag of list) if (!flag.startsWith("\\")) keywords.add(flag);
  return [...systemFlags, ...[...keywords].sort()];
}

/** FLAGS and PERMANENTFLAGS (RFC 3501 sections 7.2.6 and 7.1). */
export function* flagLines(flags: string, readOnly: boolean): Generator<string> {
  yield `* FLAGS (${flags})`;
  yield readOnly ? "* OK [PERMANENTFLAGS ()] Read-only" : `* OK [PERMANENTFLAGS (${flags} \\*)] Flags permitted`;
}
