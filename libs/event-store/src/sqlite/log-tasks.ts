import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { backup } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { syncDirectory } from "./log-file.ts";
import type { Shelf } from "./log-schema.ts";
import type { LogWriter } from "./log-writer.ts";

const dayMs = 86_400_000;
const deleteRowsPerStep = 2_000;
/** Pages copied at a time: about 1 ms in which the writer waits for its turn. */
const backupPagesPerStep = 256;

/** Cut-offs in ms since 1970; a shelf without one keeps everything. */
export interface ExpiryCutOffs {
  readonly traffic?: number | undefined;
  readonly quarantine?: number | undefined;
}

/** Drops every bucket whose day ended at or before its shelf's cut-off, one transaction each. Answers how many events went. */
export async function expireBuckets(writer: LogWriter, cutOffs: ExpiryCutOffs): Promise<number> {
  let dropped = 0;
  for (const bucket of writer.tables.buckets()) {
    const cutOff = cutOffs[bucket.shelf];
    if (cutOff === undefined || (bucket.day + 1) * dayMs > cutOff) continue;
    dropped += writer.transact(() => dropBucket(writer, bucket.name, bucket.shelf));
    writer.forgetHeads();
    await nextTurn();
  }
  return dropped;
}

function dropBucket(writer: LogWriter, name: string, shelf: Shelf): number {
  const { db } = writer;
  const { events, last } = db.prepare(`SELECT count(*) AS events, max(pos) AS last FROM ${name}`).get() as {
    events: number;
    last: number | null;
  };
  writer.tableDropping(name, shelf);
  db.exec(`DROP TABLE ${name}`);
  db.prepare("DELETE FROM buckets WHERE name = ?").run(name);
  db.exec("UPDATE log SET buckets_version = buckets_version + 1");
  if (last !== null) db.prepare("UPDATE log SET traffic_floor = max(traffic_floor, ?)").run(last + 1);
  return events;
}

/** Deletes streams in steps of a few thousand events, so that appends go on between them. */
export async function deleteStreams(
  writer: LogWriter,
  streams: readonly { readonly stream: string; readonly shelf: Shelf }[],
): Promise<void> {
  for (const { stream, shelf } of streams) {
    for (const { name } of [...writer.tables.tablesOf(shelf)].reverse()) {
      const step = writer.db.prepare(
        `DELETE FROM ${name} WHERE pos IN (SELECT pos FROM ${name} WHERE stream = ? ORDER BY revision LIMIT ?)`,
      );
      while (writer.transact(() => Number(step.run(stream, deleteRowsPerStep).changes)) > 0) await nextTurn();
    }
    writer.transact(() => writer.streamsDeleted([stream]));
    writer.forget(stream);
  }
}

/**
 * Copies the log to a new file on the writer's own connection: appends go on between the steps and are carried over
 * by SQLite, so the copy is the log as of the last step. fsynced when it resolves.
 */
export async function backupLog(writer: LogWriter, targetPath: string): Promise<void> {
  await backup(writer.db, targetPath, { rate: backupPagesPerStep });
  const handle = openSync(targetPath, "r+");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  syncDirectory(dirname(targetPath));
}
