import type { BlobStore } from "@mailfold/blob-store";
import type { BodyRef } from "@mailfold/events";
import type { Logger } from "@mailfold/telemetry";

/** Writes under way at once: the log's commits carry many, and a first look at a large folder makes one a message. */
const pendingMax = 64;

/**
 * Keeps message indexes beside their bodies without making readers wait for the disk: an index that is lost is computed
 * again. Bounded; a failure is logged and not the reader's.
 */
export class IndexWrites {
  readonly #bodies: Pick<BlobStore, "writeIndex">;
  readonly #log: Pick<Logger, "warn">;
  readonly #pending = new Set<Promise<void>>();

  constructor(bodies: Pick<BlobStore, "writeIndex">, log: Pick<Logger, "warn">) {
    this.#bodies = bodies;
    this.#log = log;
  }

  /** Resolves when the write has begun. */
  async keep(ref: BodyRef, index: string): Promise<void> {
    while (this.#pending.size >= pendingMax) await Promise.race(this.#pending);
    const write = this.#bodies
      .writeIndex(ref, index)
      .catch((err: unknown) => this.#log.warn({ err }, "a message index was not kept"))
      .finally(() => this.#pending.delete(write));
    this.#pending.add(write);
  }
}
