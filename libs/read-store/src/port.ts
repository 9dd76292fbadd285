import type { ColumnValue, KeyedFold, Position, Row, RowsProjection } from "@mailfold/kernel";

/** Synchronous point reads on this thread's own read-only connection. */
export interface RowReader {
  /** One row by its full key, or undefined. */
  get(projection: RowsProjection, table: string, key: Row): Row | undefined;
  /** Rows of a bounded select; `where` is equality, `after` pages by the key or index columns in `orderBy`. */
  select(projection: RowsProjection, table: string, query: RowQuery): readonly Row[];
}
export interface RowQuery {
  readonly where?: Row;
  /** Comparisons beyond equality: column, operator, value. */
  readonly and?: readonly (readonly [
    column: string,
    op: "<" | "<=" | ">" | ">=" | "!=" | "like",
    value: ColumnValue,
  ])[];
  /** Only rows whose column has one of up to 1,000 values; null is none. */
  readonly oneOf?: readonly [column: string, values: readonly ColumnValue[]];
  readonly orderBy?: readonly string[];
  /** Only rows beyond this one, in the order asked for: an earlier answer's last row (its orderBy and key columns, none null). */
  readonly after?: Row;
  readonly descending?: boolean;
  /** 1..1000 */
  readonly limit: number;
}

export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  readonly state: "running" | "rebuilding" | "parked" | "stopped";
  readonly position: Position;
  readonly lagEvents: number;
  readonly lagSeconds: number;
  /** Why it is parked: the event and the error. */
  readonly parked?: ParkedAt;
  /** While rows of another version or a commanded rebuild grow beside the served ones. */
  readonly rebuild?: { readonly version: number; readonly position: Position };
}

/** The event a projection could not pass, and why. `stopped` for an event that needs newer code, else `parked`. */
export interface ParkedAt {
  readonly eventId: string;
  readonly type: string;
  readonly position: Position;
  readonly error: string;
}

/** Runs projections and serves their rows. */
export interface ReadStore extends RowReader {
  status(): readonly ProjectionStatus[];
  /** Resolves true once every named projection has passed the position; false at the deadline. */
  waitFor(
    position: Position,
    options: { readonly projections: readonly string[]; readonly timeoutMs: number },
  ): Promise<boolean>;
  /** Rebuilds from position 0 (or its checkpoint) beside the old rows and swaps. */
  rebuild(projection: string): Promise<void>;
  /** Heavy selects in a reader worker, off this thread. */
  selectAsync(projection: RowsProjection, table: string, query: RowQuery): Promise<readonly Row[]>;
  /** SHA-256 over all rows of a projection, ordered by key: live state and rebuild must agree. */
  hash(projection: RowsProjection): Promise<string>;
  /** Called after rows have changed (not when a projection merely passed events that do not concern it). */
  onAdvance(listener: (projection: string, position: Position) => void): () => void;
  close(): Promise<void>;
}

/** A live state of one key, shared by every session that has it open in this process. */
export interface FoldHandle<State, Outcome> {
  readonly key: string;
  /** Read-only for holders. */
  readonly state: State;
  /** Revision of the last event applied; -1 when none. */
  readonly revision: number;
  /** Folds up to this revision (reading the tail if need be) and answers that event's outcome. Outcomes of the last 1,024 events are kept. */
  waitFor(revision: number, timeoutMs: number): Promise<Outcome>;
  /** Reads the tail now; for a session that just opened or must be current. */
  refresh(): Promise<void>;
  /** After each applied event, in order. */
  onApplied(listener: (outcome: Outcome, revision: number) => void): () => void;
  /** Gives the handle back; the state may then be evicted. */
  release(): void;
}
export interface FoldRunner<State, Outcome> {
  readonly fold: KeyedFold<State, Outcome>;
  open(key: string): Promise<FoldHandle<State, Outcome>>;
  close(): Promise<void>;
}
