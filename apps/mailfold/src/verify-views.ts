import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Position, RowsProjection } from "@mailfold/kernel";
import { openReadStore } from "@mailfold/read-store";
import { createProjector } from "./projector-module.ts";
import { mailboxUsageProjection, projections } from "./views.ts";

const catchUpMs = 3_600_000;
const all: readonly RowsProjection[] = [...projections, mailboxUsageProjection];

/**
 * Folds every view anew from the log, beside the ones on disk, and compares them by hash. For a stopped platform on the
 * embedded log. Answers one sentence per view that differs.
 */
export async function verifyViews(dataDir: string): Promise<readonly string[]> {
  const scratch = await mkdtemp(join(dataDir, "verify-"));
  try {
    const live = await viewHashes(dataDir, join(dataDir, "views.db"));
    const rebuilt = await viewHashes(dataDir, join(scratch, "views.db"));
    return all.flatMap(({ name }) =>
      live.get(name) === rebuilt.get(name)
        ? []
        : [`view ${name} differs from a rebuild: run "mailfold projections rebuild ${name}" once the platform runs`],
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function viewHashes(dataDir: string, path: string): Promise<ReadonlyMap<string, string>> {
  const parts = await createProjector({ dataDir, eventStore: "embedded" });
  const head: Position = await parts.source.head();
  const rows = await openReadStore({ path, clock: { now: Date.now }, projector: { parts } });
  try {
    const names = all.map(({ name }) => name);
    const reached = await rows.waitFor(head, { projections: names, timeoutMs: catchUpMs });
    const parked = rows.status().find((view) => view.state === "parked" || view.state === "stopped");
    if (!reached || parked !== undefined)
      throw new Error(`view ${parked?.name ?? "?"} could not be folded: ${parked?.parked?.error ?? "no progress"}`);
    const hashes = new Map<string, string>();
    for (const projection of all) hashes.set(projection.name, await rows.hash(projection));
    return hashes;
  } finally {
    await rows.close();
    await parts.source.close?.();
  }
}
