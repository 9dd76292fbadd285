import type { LogRestored } from "@mailfold/domain";
import type { EventStore } from "@mailfold/event-store";
import { streams } from "@mailfold/events";
import type { FoldWorld } from "@mailfold/kernel";

/** What folds must know of the log's history: when it was last restored. */
export async function readFoldWorld(events: Pick<EventStore, "readStream">): Promise<FoldWorld> {
  let restoredAt = 0;
  for await (const event of events.readStream(streams.platformLog)) {
    if (event.type === "LogRestored") restoredAt = (event.data as LogRestored["data"]).at;
  }
  return { restoredAt };
}
