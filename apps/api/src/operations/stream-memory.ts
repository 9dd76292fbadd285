import type { EventStore } from "@mailfold/event-store";
import type { RecordedEvent } from "@mailfold/kernel";

/** Reads streams whole, remembering what was read: a scope whose settings change often is not read from its first event each time. */
export interface StreamMemory {
  read(stream: string): Promise<readonly RecordedEvent[]>;
}

/** Most events remembered over all streams; a longer stream is read anew each time. */
const eventsMax = 20_000;
/** Shorter streams are as quick to read again, and many of them would push out the long ones. */
const rememberedMin = 64;

/** Events never change once written, so only what came after the remembered ones is read. The longest unused goes first. */
export function createStreamMemory(store: EventStore): StreamMemory {
  const remembered = new Map<string, readonly RecordedEvent[]>();
  let size = 0;
  function forget(stream: string): readonly RecordedEvent[] {
    const events = remembered.get(stream) ?? [];
    remembered.delete(stream);
    size -= events.length;
    return events;
  }
  function remember(stream: string, events: readonly RecordedEvent[]): void {
    forget(stream);
    if (events.length < rememberedMin || events.length > eventsMax / 2) return;
    remembered.set(stream, events);
    size += events.length;
    for (const [oldest] of remembered) {
      if (size <= eventsMax) return;
      forget(oldest);
    }
  }
  async function readFrom(stream: string, from: number): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const event of store.readStream(stream, { from })) events.push(event);
    return events;
  }

  return {
    async read(stream) {
      const known = remembered.get(stream) ?? [];
      const last = known.at(-1);
      const tail = await readFrom(stream, last?.revision ?? 0);
      // The last one known comes again, as it was; a stream that was deleted since is read from its start.
      const isSame = last === undefined || tail[0]?.id === last.id;
      const events = isSame ? [...known, ...(last === undefined ? tail : tail.slice(1))] : await readFrom(stream, 0);
      remember(stream, events);
      return events;
    },
  };
}
