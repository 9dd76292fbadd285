import type { ByteRoom } from "./byte-room.ts";

interface ContentLease<T> {
  readonly content: T;
  /** To be called once. */
  readonly release: () => void;
}

/** One message's content for all who deliver it. */
export interface SharedContent<T> {
  /** Waits for room and reads, unless somebody holds it already. Rejects as `read` does. */
  take(): Promise<ContentLease<T>>;
}

interface Held<T> {
  readonly content: T;
  readonly giveBack: () => void;
}

/**
 * Content is held, and its room taken, only while somebody uses it; who comes later reads it again. So whoever has room is at
 * work and will give it back: nobody sits on room while waiting for a slot that another, waiting for room, holds.
 */
export function createSharedContent<T>(
  room: ByteRoom,
  source: { readonly sizeBytes: number; readonly read: () => Promise<T> },
): SharedContent<T> {
  let users = 0;
  let held: Promise<Held<T>> | undefined;
  async function open(): Promise<Held<T>> {
    const giveBack = await room.take(source.sizeBytes);
    try {
      return { content: await source.read(), giveBack };
    } catch (error) {
      giveBack();
      throw error;
    }
  }
  function leave(giveBack?: () => void): void {
    users -= 1;
    if (users > 0) return;
    held = undefined;
    giveBack?.();
  }
  return {
    async take() {
      users += 1;
      held ??= open();
      try {
        const { content, giveBack } = await held;
        return { content, release: () => leave(giveBack) };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}
