import type { FolderId } from "@mailfold/kernel";

/** UIDs from `from` up to before `to`. */
export interface RecentRange {
  readonly from: number;
  readonly to: number;
}

const foldersRemembered = 20_000;

/**
 * Who is told \Recent: the first session to see a message (RFC 3501 section 2.3.2). Memory of this process, never an
 * event; after a restart what is there already is not recent.
 */
export class RecentClaims {
  readonly #seenBefore = new Map<FolderId, number>();

  /** Messages below `uidNext` that no session has seen. `peek` (EXAMINE, STATUS) leaves them to the next session. */
  claim(folderId: FolderId, uidNext: number, peek = false): RecentRange {
    const from = this.#seenBefore.get(folderId) ?? uidNext;
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
