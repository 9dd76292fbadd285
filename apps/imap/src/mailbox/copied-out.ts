/** Most UIDs remembered; of further copies it is not noticed when their originals are deleted. */
const rememberedMax = 10_000;

/** UIDs that a session copied out of its selected folder: deleting them there makes the copy a move (RFC 6851 section 1). */
export class CopiedOut {
  readonly #uids = new Set<number>();

  remember(uid: number): void {
    if (this.#uids.size < rememberedMax) this.#uids.add(uid);
  }

  /** Whether this UID was copied and its deletion not asked for before. */
  take(uid: number): boolean {
    return this.#uids.delete(uid);
  }
}
