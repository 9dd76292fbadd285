import { setImmediate as yieldToOthers } from "node:timers/promises";
import { BodyCorrupt } from "@mailfold/blob-store";
import { type ContentTerm, isHeaderTerm, MimeBudgetExceeded } from "@mailfold/mime";
import type { Folder, FolderMessage } from "@mailfold/projection-folders";
import type { SearchKey } from "../commands/search-keys.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { Refused } from "../wire/command-parser.ts";
import { resolveRanges, type SequenceSet } from "../wire/sequence-set.ts";
import { largeMessageBytes } from "./large-messages.ts";
import type { SelectedFolder, Target } from "./selected-folder.ts";
import { BodyMissing, StoredMessage } from "./stored-message.ts";

type Found = Target & { readonly message: FolderMessage };
interface Candidate {
  readonly target: Found;
  readonly bytes: Buffer;
}
/** Answers of content terms; undefined = not asked yet. */
type ContentAnswer = (term: ContentTerm) => boolean | undefined;

const messagesPerTurn = 1_000;
/** Octets handed to the worker at once. */
const batchBytesMax = 1_048_576;
const batchMessagesMax = 64;
const dayMs = 86_400_000;

/**
 * Messages that satisfy a search. Flags, dates and sizes are decided from the fold; only messages still undecided are
 * read, and their content is judged in the MIME pool, off this thread. Throws Refused when the budget is spent.
 */
export class FolderSearch {
  readonly #session: ImapSession;
  readonly #folder: Folder;
  readonly #view: SelectedFolder;
  readonly #terms: readonly ContentTerm[];
  readonly #headerOnly: boolean;
  readonly #sets = new Map<SequenceSet, readonly (readonly [number, number])[]>();
  readonly #deadline: number;
  readonly #program: SearchKey;
  #bytesLeft: number;

  constructor(session: ImapSession, program: SearchKey, terms: readonly ContentTerm[]) {
    const { folder, view } = session.current();
    this.#session = session;
    this.#folder = folder;
    this.#view = view;
    this.#program = program;
    this.#terms = terms;
    this.#headerOnly = terms.every(isHeaderTerm);
    this.#deadline = performance.now() + session.limits.searchTimeoutMs;
    this.#bytesLeft = session.limits.searchBytesMax;
  }

  async run(): Promise<Target[]> {
    const found: Target[] = [];
    const batch: Candidate[] = [];
    let batchBytes = 0;
    let at = 0;
    for (const target of this.#view.all(this.#folder)) {
      if (++at % messagesPerTurn === 0) await yieldToOthers();
      if (target.message === undefined) continue;
      const candidate = target as Found;
      const decided = this.#decide(this.#program, candidate, () => undefined);
      if (decided !== undefined) {
        if (decided) found.push(target);
        continue;
      }
      if (!this.#headerOnly && candidate.message.sizeBytes > largeMessageBytes) {
        found.push(...(await this.#session.shared.largeTurns.run(() => this.#judgeAlone(candidate))));
        continue;
      }
      const bytes = await this.#read(candidate.message);
      if (bytes === undefined) continue;
      batch.push({ target: candidate, bytes });
      batchBytes += bytes.length;
      if (batchBytes < batchBytesMax && batch.length < batchMessagesMax) continue;
      found.push(...(await this.#judge(batch.splice(0))));
      batchBytes = 0;
    }
    if (batch.length > 0) found.push(...(await this.#judge(batch)));
    return found.sort((a, b) => a.sequence - b.sequence);
  }

  async #judgeAlone(target: Found): Promise<Target[]> {
    const bytes = await this.#read(target.message);
    return bytes === undefined ? [] : this.#judge([{ target, bytes }]);
  }

  /** Octets to judge; undefined when the body cannot be read: one broken message must not hide the others. */
  async #read(message: FolderMessage): Promise<Buffer | undefined> {
    const { deps, connection } = this.#session;
    this.#checkBudget();
    const stored = new StoredMessage(message, this.#session.shared);
    try {
      const bytes = this.#headerOnly ? await stored.read(0, await stored.headerBytes()) : await stored.whole();
      this.#bytesLeft -= bytes.length;
      return bytes;
    } catch (error) {
      if (!(error instanceof BodyMissing || error instanceof BodyCorrupt)) throw error;
      deps.log.error({ err: error, sessionId: connection.id }, "imap message unreadable");
      return undefined;
    }
  }

  #checkBudget(): void {
    if (!this.#session.connection.alive || this.#session.ending) throw new Refused("Search given up");
    if (this.#bytesLeft < 0 || performance.now() > this.#deadline) {
      throw new Refused("Search takes too long; narrow it by date or flags", "LIMIT");
    }
  }

  async #judge(batch: readonly Candidate[]): Promise<Target[]> {
    const bytes = batch.map((candidate) => candidate.bytes);
    let rows: readonly (readonly boolean[])[];
    try {
      rows = await this.#session.deps.mime.match(bytes, this.#terms);
    } catch (error) {
      if (!(error instanceof MimeBudgetExceeded)) throw error;
      this.#checkBudget();
      // Halved until the message that costs too much stands alone; it is taken not to match.
      if (batch.length === 1) return [];
      const middle = batch.length >>> 1;
      return [...(await this.#judge(batch.slice(0, middle))), ...(await this.#judge(batch.slice(middle)))];
    }
    return batch.flatMap(({ target }, at) => {
      const answers = new Map(this.#terms.map((term, column) => [term, rows[at]?.[column] ?? false]));
      return this.#decide(this.#program, target, (term) => answers.get(term)) === true ? [target] : [];
    });
  }

  /** Three-valued: undefined while content is needed. */
  #decide(key: SearchKey, target: Found, content: ContentAnswer): boolean | undefined {
    switch (key.type) {
      case "and":
      case "or":
        return this.#decideList(key, target, content);
      case "not": {
        const inner = this.#decide(key.key, target, content);
        return inner === undefined ? undefined : !inner;
      }
      case "content":
        return content(key.term);
      case "sequence":
        return this.#within(key.set, target.sequence, this.#view.exists);
      case "uid":
        return this.#within(key.set, target.uid, this.#folder.messages.at(-1)?.uid ?? 0);
      default:
        return this.#decideMessage(key, target.message);
    }
  }

  #decideList(
    key: Extract<SearchKey, { type: "and" | "or" }>,
    target: Found,
    content: ContentAnswer,
  ): boolean | undefined {
    const settles = key.type === "or";
    let unknown = false;
    for (const inner of key.keys) {
      const decided = this.#decide(inner, target, content);
      if (decided === settles) return settles;
      if (decided === undefined) unknown = true;
    }
    return unknown ? undefined : !settles;
  }

  #decideMessage(
    key: Extract<SearchKey, { type: "all" | "recent" | "flag" | "date" | "size" }>,
    message: FolderMessage,
  ): boolean {
    switch (key.type) {
      case "all":
        return true;
      case "recent":
        return this.#view.isRecent(message.uid);
      case "flag":
        return message.flags.some((flag) => flag.toLowerCase() === key.flag.toLowerCase());
      case "date": {
        const day = Math.floor(message.internalDate / dayMs);
        return key.comparison === "before" ? day < key.day : key.comparison === "on" ? day === key.day : day >= key.day;
      }
      default:
        return key.comparison === "larger" ? message.sizeBytes > key.bytes : message.sizeBytes < key.bytes;
    }
  }

  #within(set: SequenceSet, number: number, largest: number): boolean {
    let ranges = this.#sets.get(set);
    if (ranges === undefined) {
      ranges = resolveRanges(set, largest);
      this.#sets.set(set, ranges);
    }
    let low = 0;
    let high = ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const [first, last] = ranges[middle] as readonly [number, number];
      if (number < first) high = middle - 1;
      else if (number > last) low = middle + 1;
      else return true;
    }
    return false;
  }
}
