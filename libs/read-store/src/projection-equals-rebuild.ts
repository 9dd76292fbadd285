import { deepEqual } from "node:assert/strict";
import { lifeClassOf } from "@mailfold/events";
import { type Position, type RecordedEvent, type Row, type RowsProjection, startOfLog } from "@mailfold/kernel";
import { Builds } from "./builds.ts";
import { MemoryRows } from "./memory-rows.ts";
import { later } from "./position-order.ts";
import { quoted, tableIdentifier } from "./table-sql.ts";
import type { Track } from "./track.ts";
import { inTransaction, openViews } from "./views-database.ts";

/** How a generated history is to be lived through. */
export interface RebuildTrial {
  /** Events per batch, used round and round; default 7. */
  readonly batchSizes?: readonly number[];
  /** Traffic floors that the log takes, each after so many events. */
  readonly floors?: readonly { readonly afterEvents: number; readonly floor: Position }[];
}

/**
 * Test aid: throws unless the rows that a projection has after living through a history (in batches, with traffic
 * expiring under way) equal those of a rebuild from what the log still has, in SQL and in memory. Answers the rows.
 */
export function projectionEqualsRebuild(
  projection: RowsProjection,
  history: readonly RecordedEvent[],
  trial: RebuildTrial = {},
): MemoryRows {
  const floors = trial.floors ?? [];
  const floor = floors.reduce((most, next) => later(most, next.floor), startOfLog);
  const readable = history.filter((event) => lifeClassOf(event.stream) !== "traffic" || event.position >= floor);
  const live = sqlRows(projection, history, { ...trial, floors });
  const rebuilt = sqlRows(projection, readable, { floors: [{ afterEvents: readable.length, floor }] });
  const memory = new MemoryRows([projection]);
  for (const event of readable) memory.append(event);
  memory.prune(floor);
  const inMemory = Object.fromEntries(
    projection.tables.map((table) => [table.name, allInMemory(memory, projection, table.name)]),
  );
  deepEqual(live, rebuilt, `${projection.name}: live rows differ from a rebuild`);
  deepEqual(live, inMemory, `${projection.name}: rows in SQL differ from rows in memory`);
  return memory;
}

function sqlRows(projection: RowsProjection, events: readonly RecordedEvent[], trial: RebuildTrial) {
  const db = openViews(":memory:", undefined);
  try {
    const builds = new Builds(db, { source: noSource, projections: [projection] }, () => undefined);
    builds.open();
    const track = builds.servedBy(projection.name);
    const sizes = trial.batchSizes ?? [7];
    let done = 0;
    for (let round = 0; done < events.length; round += 1) {
      const batch = events.slice(done, done + Math.max(1, sizes[round % sizes.length] ?? 1));
      inTransaction(db, () => applyOrThrow(track, batch));
      const before = done;
      done += batch.length;
      for (const { afterEvents, floor } of trial.floors ?? [])
        if (afterEvents > before && afterEvents <= done) pruneAll(track, floor);
    }
    for (const { floor } of trial.floors ?? []) pruneAll(track, floor);
    return Object.fromEntries(
      projection.tables.map((table) => {
        const order = table.key.map(quoted).join(", ");
        const all = db.prepare(`SELECT * FROM ${tableIdentifier(track.set, table.name)} ORDER BY ${order}`).all();
        return [table.name, all.map((row) => ({ ...row }))];
      }),
    );
  } finally {
    db.close();
  }
}

function applyOrThrow(track: Track, events: readonly RecordedEvent[]): void {
  const { halt } = track.applyBatch(events.filter((event) => track.wants(event)));
  if (halt !== undefined) throw new Error(`${track.name} parked: ${halt.error}`);
}

function pruneAll(track: Track, floor: Position): void {
  while (track.prune(floor) > 0);
}

function allInMemory(memory: MemoryRows, projection: RowsProjection, table: string): readonly Row[] {
  const rows: Row[] = [];
  for (let after: Row | undefined; ; after = rows.at(-1)) {
    const page = memory.select(projection, table, { limit: 1_000, ...(after === undefined ? {} : { after }) });
    rows.push(...page);
    if (page.length < 1_000) return rows.map((row) => ({ ...row }));
  }
}

const noSource = {
  subscribe: () => {
    throw new Error("rows projections are fed directly here");
  },
  readStream: () => {
    throw new Error("rows projections are fed directly here");
  },
  head: () => Promise.resolve(startOfLog),
  distance: () => 0,
};
