import type { FolderId } from "@mailfold/kernel";
import type { Folder } from "@mailfold/projection-folders";

/** UIDs from `from` up to before `to`. */
export interface RecentRange {
  readonly from: number;
  readonly to: number;
}

const foldersRemembered = 20_000;

/**
 * Who is told \Recent: the first session to see a message (RFC 3501 section 2.3.2). Memory of this process, never an
 * event. Of a folder not opened since the start, what came after the last message somebody read counts as recent: that
 * section wants so where the first session is not known.
 */
export class RecentClaims {
  readonly #seenBefore = new Map<FolderId, number>();

  /** Messages that no session has seen. `peek` (EXAMINE, STATUS) leaves them to the next session. */
  claim(
    { folderId, uidNext, messages }: Pick<Folder, "folderId" | "uidNext" | "messages">,
    peek: boolean,
  ): RecentRange {
    const lastRead = () => messages.findLast(({ flags }) => flags.includes("\\Seen"))?.uid ?? 0;
    const from = this.#seenBefore.get(folderId) ?? lastRead() + 1;
    if (!peek) {
      this.#seenBefore.delete(folderId);
      this.#seenBefore.set(folderId, Math.max(from, uidNext));
      if (this.#seenBefore.size > foldersRemembered) {
        const [oldest] = this.#seenBefore.keys();
        if (oldest !== undefined) this.#seenBefore.delete(oldest);
      }
    }
    return { from, to: Math.max(from, uidNext) };
  }
}
