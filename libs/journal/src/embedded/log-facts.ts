import type { DatabaseSync } from "node:sqlite";
import { fixedTables, toPosition } from "@mailfold/event-store/writer";
import { streams } from "@mailfold/events";
import type { Position } from "@mailfold/kernel";

/** What a log file says about itself. */
export interface LogFacts {
  readonly epoch: string;
  readonly head: Position;
  readonly headNumber: number;
  /** `at` of the last LogCreated or LogRestored, ms since the epoch; 0 when there is none. */
  readonly at: number;
  /** Revision of the last event of `platform-log`, -1 when there is none. */
  readonly revision: number;
}

/** Reads a log's own description; the events of `platform-log` hold nothing sealed, so no codec is needed. */
export function readLogFacts(db: DatabaseSync): LogFacts {
  const { epoch, head } = db.prepare("SELECT epoch, head FROM log").get() as { epoch: string; head: number };
  const last = db
    .prepare(`SELECT data, revision FROM ${fixedTables.record} WHERE stream = ? ORDER BY revision DESC LIMIT 1`)
    .get(streams.platformLog) as { data: string; revision: number } | undefined;
  const at = last === undefined ? 0 : ((JSON.parse(last.data) as { at?: number }).at ?? 0);
  return { epoch, head: toPosition(head), headNumber: head, at, revision: last?.revision ?? -1 };
}

/** Files that bodies lie in, relative to the bodies' directory. */
export function* bodyFileNames(db: DatabaseSync): Generator<string> {
  const rows = db.prepare("SELECT file FROM bodies WHERE file IS NOT NULL ORDER BY id").iterate();
  for (const row of rows) yield (row as { file: string }).file;
}
