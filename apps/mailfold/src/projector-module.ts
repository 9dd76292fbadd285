import { join } from "node:path";
import { createEventCodec, eventCatalogue, readerGeneration } from "@mailfold/events";
import { openKeys } from "@mailfold/keys";
import type { ProjectorParts, Summary } from "@mailfold/read-store";
import { openLogSource } from "./log-source.ts";
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
  const source = await openLogSource(config, codec);
  return {
    source,
    projections,
    summaries: [mailboxUsage as unknown as Summary],
    readerGeneration,
    isKnownType: (type) => type in eventCatalogue,
    world: await readFoldWorld(source),
  };
}
