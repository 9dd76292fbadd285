import type { Position, RecordedEvent } from "@mailfold/kernel";
import type { ParkedAt } from "./port.ts";
import type { TableSet } from "./table-sql.ts";
import { sqliteCode } from "./views-database.ts";

/** Where a batch stopped: the event and the error. The batch's rows up to it stand when `applied` says so. */
export interface Halt {
  readonly index: number;
  readonly error: string;
}

/** One build of one projection's rows with its own checkpoint. Its pump feeds it events in order. */
export interface Track {
  readonly name: string;
  readonly set: TableSet;
  readonly version: number;
  /** Every event up to here is in the rows. */
  position: Position;
  /** The checkpoint on disk; may trail where no event concerned this track. */
  persisted: Position;
  state: "running" | "parked" | "stopped";
  parked: ParkedAt | undefined;
  parkedAt: number | undefined;
  wants(event: RecordedEvent): boolean;
  /** Reads what the batch needs, before the transaction. */
  prepare?(events: readonly RecordedEvent[]): Promise<void>;
  /** Applies the batch inside the caller's transaction. Store faults are thrown; anything wrong with an event is a halt. */
  applyBatch(events: readonly RecordedEvent[]): { readonly changed: boolean; readonly halt?: Halt };
  /** The transaction was rolled back: forget what memory holds beyond the rows. */
  reset?(): void;
  /** A few times a second, between transactions: work that may wait. */
  settle?(): void;
  /** Before closing, outside a transaction. */
  closing?(): void;
  /** Drops rows below the traffic floor, a bounded number; answers how many went. */
  prune(floor: Position): number;
}

/** SQLite errors that say something about the row, not about the file: constraint, mismatch, too big, misuse of values. */
const rowCodes: ReadonlySet<number> = new Set([1, 18, 19, 20, 25]);

/** Whether an error is about the store (full disk, I/O): to be retried, and no event's fault. */
export function isStoreFault(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && !rowCodes.has(code);
}

/** An error as one line for the status. */
export function errorText(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 500);
}
