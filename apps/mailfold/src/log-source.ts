import { join } from "node:path";
import { type EventStore, openKurrentEventStore, openSqliteLogReader } from "@mailfold/event-store";
import type { EventCodec } from "@mailfold/events";

/** The reading half of the log, for a thread beside the one that writes. */
export type LogSource = Pick<
  EventStore,
  "readStream" | "readAll" | "subscribe" | "head" | "floor" | "epoch" | "distance" | "close"
>;

/** Opens the log that a data directory and `eventStore` (`embedded`, or a connection string) name. */
export async function openLogSource(
  config: { readonly dataDir: string; readonly eventStore: string },
  codec: EventCodec,
): Promise<LogSource> {
  if (config.eventStore === "embedded") return openSqliteLogReader(join(config.dataDir, "log.db"), codec);
  return openKurrentEventStore({ connectionString: config.eventStore, codec, clock: { now: Date.now } });
}
