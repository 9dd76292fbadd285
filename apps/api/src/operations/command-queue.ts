import type { CommandIdentity } from "./command-identity.ts";

const rememberedMax = 10_000;

/** Keeps equal commands of this process apart, and knows which commandIds were used. */
export interface CommandQueue {
  /** Runs work when no other work of the same key is running. */
  alone<T>(key: string | undefined, work: () => Promise<T>): Promise<T>;
  /** Notes that the command was done; its events are in this stream. */
  remember(identity: CommandIdentity, stream: string): void;
  /** The stream that holds what the command recorded in a category, if it is known to have been done. */
  streamOf(identity: CommandIdentity, category: string): string | undefined;
}

/** Where events are found by id: the audit trail's rows. */
export type FindEvent = (eventId: string) => { readonly stream: string } | undefined;

/**
 * Commands waiting for an equal one are bounded by the API's own request limits. What other processes did, and what was
 * done before a restart, is found through the audit trail.
 */
export function createCommandQueue(findEvent: FindEvent): CommandQueue {
  const running = new Map<string, Promise<unknown>>();
  const remembered = new Map<string, string>();
  return {
    async alone(key, work) {
      if (key === undefined) return work();
      const before = running.get(key) ?? Promise.resolve();
      const mine = before.then(work, work);
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      running.set(key, settled);
      try {
        return await mine;
      } finally {
        if (running.get(key) === settled) running.delete(key);
      }
    },
    remember({ key }, stream) {
      if (key === undefined) return;
      remembered.delete(key);
      remembered.set(key, stream);
      const oldest = remembered.keys().next().value;
      if (remembered.size > rememberedMax && oldest !== undefined) remembered.delete(oldest);
    },
    streamOf(identity, category) {
      if (identity.key === undefined) return undefined;
      return remembered.get(identity.key) ?? findEvent(identity.eventId(category, 0))?.stream;
    },
  };
}
