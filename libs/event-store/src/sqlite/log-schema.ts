import type { LifeClass } from "@mailfold/events";
import type { Position } from "@mailfold/kernel";

/** "MFLG": marks a file as a Mailfold log (SQLite's application_id). */
export const logApplicationId = 0x4d_46_4c_47;
/** Raised when the tables change shape; a newer file than this code is refused. */
export const logSchemaVersion = 1;

/**
 * Where events of a stream lie. `record` and `mail` have one table each; `traffic` and `quarantine` have one table per
 * UTC day of arrival (a bucket), so that expiry is a DROP TABLE (docs/adr/0005-traffic-expiry.md).
 */
export type Shelf = "record" | "mail" | "traffic" | "quarantine";

/** Shelf of a stream, given its class of life: quarantine has its own days, because its own setting decides its age. */
export function shelfOf(stream: string, lifeClass: LifeClass): Shelf {
  return lifeClass === "traffic" && stream.startsWith("quarantine-") ? "quarantine" : lifeClass;
}

/** Tables that always exist, by shelf. */
export const fixedTables = { record: "record_events", mail: "mail_events" } as const;

/** One day's table of a shelf that expires. `firstPosition` upwards until the next bucket of its shelf. */
export interface Bucket {
  readonly name: string;
  readonly shelf: "traffic" | "quarantine";
  /** Days since 1970-01-01 UTC: the latest day that events in it belong to. */
  readonly day: number;
  readonly firstPosition: number;
}

/** DDL of one event table. `type` comes before the texts, so that a filter on it never touches them. */
export function eventTableDdl(name: string): string {
  return `CREATE TABLE ${name} (
    pos INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    stream TEXT NOT NULL,
    id TEXT NOT NULL,
    metadata TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (stream, revision)
  ) STRICT`;
}

/** Everything a new log file consists of. `log` has one row; its head only ever grows, so no position is given twice. */
export const logDdl = [
  `CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    head INTEGER NOT NULL,
    traffic_floor INTEGER NOT NULL,
    buckets_version INTEGER NOT NULL
  ) STRICT`,
  "CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
  `CREATE TABLE buckets (
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    shelf TEXT NOT NULL,
    day INTEGER NOT NULL,
    first_position INTEGER NOT NULL
  ) STRICT`,
  eventTableDdl(fixedTables.record),
  eventTableDdl(fixedTables.mail),
] as const;

/** 16 digits, zero padded: positions order as strings compare. */
export function toPosition(pos: number): Position {
  return String(pos).padStart(16, "0") as Position;
}

/** 0 for the start of the log. */
export function fromPosition(position: Position): number {
  return position === "" ? 0 : Number(position);
}

/** An event's row as an array, in the order of `eventColumns`. */
export type EventRow = readonly [
  pos: number,
  type: number,
  revision: number,
  at: number,
  stream: string,
  id: string,
  metadata: string,
  data: string,
];
export const eventColumns = "pos, type, revision, at, stream, id, metadata, data";
