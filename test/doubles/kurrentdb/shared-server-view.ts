import { randomUUID } from "node:crypto";
import type { Append, EventStore, ReadAllOptions, SubscribeOptions } from "../../../libs/event-store/src/index.ts";
import type { Position, RecordedEvent } from "../../../libs/kernel/src/index.ts";

/** A window on one log of a server that other tests have used: own stream names, and nothing from before. */
export interface SharedServerView {
  over(store: EventStore): EventStore;
}

/**
 * A contract expects an empty log, which a real server gives once. Streams get a suffix of their own, events of others
 * are left out, and the server's one LogCreated counts as the window's first event.
 */
export async function sharedServerView(first: EventStore): Promise<SharedServerView> {
  const suffix = `.${randomUUID().slice(0, 8)}`;
  const start = await first.head();
  const creation = await firstEvent(first);
  const outer = (stream: string): string => (stream === creation.stream ? stream : `${stream}${suffix}`);
  const own = (event: RecordedEvent): RecordedEvent | undefined => {
    if (event.id === creation.id) return event;
    if (event.position <= start || !event.stream.endsWith(suffix)) return undefined;
    return { ...event, stream: event.stream.slice(0, -suffix.length) };
  };
  const over = (store: EventStore): EventStore => ({
    appendsAtomically: store.appendsAtomically,
    append: async (appends) => {
      const rename = (append: Append): Append => ({ ...append, stream: outer(append.stream) });
      const result = await store.append("stream" in appends ? rename(appends) : appends.map(rename));
      return result.ok ? result : { ...result, stream: result.stream.slice(0, -suffix.length) };
    },
    readStream: async function* (stream, options) {
      for await (const event of store.readStream(outer(stream), options)) yield own(event) ?? event;
    },
    readAll: async function* ({ limit = Number.POSITIVE_INFINITY, ...options }: ReadAllOptions = {}) {
      let given = 0;
      for await (const event of store.readAll(options)) {
        const seen = own(event);
        if (!seen) continue;
        if (given >= limit) return;
        given += 1;
        yield seen;
      }
    },
    subscribe: async function* (options: SubscribeOptions = {}) {
      for await (const message of store.subscribe(options)) {
        if (message.type !== "event") yield message;
        const event = message.type === "event" ? own(message.event) : undefined;
        if (event) yield { type: "event", event };
      }
    },
    head: async () => {
      for await (const event of store.readAll({ direction: "backwards" })) if (own(event)) return event.position;
      return creation.position;
    },
    floor: (lifeClass) => store.floor(lifeClass),
    epoch: () => store.epoch(),
    distance: (from: Position, to: Position) => store.distance(from, to),
    expire: (lifeClass, olderThan) => store.expire(lifeClass, olderThan),
    deleteStreams: (streams) => store.deleteStreams(streams.map(outer)),
    close: () => store.close(),
  });
  return { over };
}

async function firstEvent(store: EventStore): Promise<RecordedEvent> {
  for await (const event of store.readStream("platform-log", { limit: 1 })) return event;
  throw new Error("the log has no first event");
}
