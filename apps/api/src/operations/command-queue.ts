import type { CommandIdentity } from "./command-identity.ts";

const rememberedMax = 10_000;

/** Keeps equal commands of this process apart, and knows which commandIds were used. */
export interface CommandQueue {
  /** Runs work when no other work of the same key is running. */
  alone<T>(key: string | undefined, work: () => Promise<T>): Promise<T>;
  remember(identity: CommandIdentity): void;
  /** Whether the command was done before on another object than the one it names now. */
  usedElsewhere(identity: CommandIdentity, category: string): Promise<boolean>;
}

/** Where events are found by id: the audit trail's rows. */
export type FindEvent = (eventId: string) => boolean;

/**
 * Commands waiting for an equal one are bounded by the API's own request limits. What other processes did, and what was
 * done before a restart, is found through the audit trail.
 */
export function createCommandQueue(findEvent: FindEvent): CommandQueue {
  const running = new Map<string, Promise<unknown>>();
  const remembered = new Map<string, true>();
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
    remember({ key }) {
      if (key === undefined) return;
      remembered.delete(key);
      remembered.set(key, true);
      const oldest = remembered.keys().next().value;
      if (remembered.size > rememberedMax && oldest !== undefined) remembered.delete(oldest);
    },
    async usedElsewhere(identity, category) {
      if (identity.key === undefined) return false;
      return remembered.has(identity.key) || findEvent(identity.eventId(category, 0));
    },
  };
}
