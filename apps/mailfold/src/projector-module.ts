import { join } from "node:path";
import { openKurrentEventStore, openSqliteLogReader } from "@mailfold/event-store";
import { createEventCodec, eventCatalogue, readerGeneration } from "@mailfold/events";
import { openKeys } from "@mailfold/keys";
import type { EventSource, ProjectorParts, Summary } from "@mailfold/read-store";
import { readFoldWorld } from "./log-world.ts";
import { mailboxUsage, projections } from "./views.ts";

/** Plain data: it crosses to the projector's thread. */
export interface ProjectorConfig {
  readonly dataDir: string;
  /** `embedded`, or a connection string. */
  readonly eventStore: string;
}

/** Builds what the projector thread runs on: its own reader of the log, its own codec, the same projections as ever. */
export async function createProjector(config: ProjectorConfig): Promise<ProjectorParts> {
  const codec = createEventCodec(openKeys({ dir: join(config.dataDir, "keys") }));
  const source: EventSource =
    config.eventStore === "embedded"
      ? openSqliteLogReader(join(config.dataDir, "log.db"), codec)
      : await openKurrentEventStore({ connectionString: config.eventStore, codec, clock: { now: Date.now } });
  return {
    source,
    projections,
    summaries: [mailboxUsage as unknown as Summary],
    readerGeneration,
    isKnownType: (type) => type in eventCatalogue,
    world: await readFoldWorld(source),
  };
}
