import type { BodyRef, LifeClass } from "@mailfold/events";
import type { FoldWorld, KeyedFold, Position, RecordedEvent, Row, RowsProjection, TableSpec } from "@mailfold/kernel";

/** What a projector reads of the log; any EventStore and any log reader fits. */
export interface EventSource {
  subscribe(options?: {
    readonly after?: Position;
    readonly filter?: { readonly streamPrefixes?: readonly string[]; readonly types?: readonly string[] };
    readonly bufferMax?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<SourceMessage>;
  /** `from` is an inclusive revision. */
  readStream(
    stream: string,
    options?: { readonly from?: number; readonly limit?: number },
  ): AsyncIterable<RecordedEvent>;
  head(): Promise<Position>;
  distance(from: Position, to: Position): number;
  /** When given, rows made from another epoch's log are thrown away at start. */
  epoch?(): Promise<string>;
  /** When given, rows of expired traffic are dropped. */
  floor?(lifeClass: LifeClass): Promise<Position>;
  close?(): Promise<void>;
}

/** Structurally the event store's SubscriptionMessage. */
export type SourceMessage =
  | { readonly type: "event"; readonly event: RecordedEvent }
  | { readonly type: "checkpoint" | "caughtUp" | "fellBehind"; readonly position: Position };

/** A keyed fold summarised into one row per key, kept up to date by the projector. */
export interface Summary<State = unknown> {
  readonly fold: KeyedFold<State, unknown>;
  /** Default the fold's own version. */
  readonly version?: number;
  readonly table: TableSpec;
  /** The row of one key; must hold the table's key columns. */
  summarise(state: State, key: string): Row;
  /** Bodies that the key's stream holds now; reported after events of the types in `releasedBy`. */
  bodies?(state: State): readonly BodyRef[];
  readonly releasedBy?: readonly string[];
}

/** Everything a projector runs on; an application's worker module builds it from plain configuration. */
export interface ProjectorParts {
  readonly source: EventSource;
  readonly projections: readonly RowsProjection[];
  readonly summaries?: readonly Summary[];
  /** libs/events readerGeneration of this code; default 1. */
  readonly readerGeneration?: number;
  /** Whether this code's catalogue has the event name; default: a projection handles it. */
  isKnownType?(type: string): boolean;
  /** Default: no restore has happened. */
  readonly world?: FoldWorld;
}

/** What a worker module given to openReadStore exports. */
export interface ProjectorModule {
  createProjector(config: unknown): Promise<ProjectorParts>;
}

/** The rows of a summary seen as a projection: what readers, status and rebuild name it by. */
export function summaryProjection(summary: Pick<Summary, "fold" | "version" | "table">): RowsProjection {
  return {
    name: `${summary.fold.name}-${summary.table.name}`,
    version: summary.version ?? summary.fold.version,
    tables: [summary.table],
    handles: [],
    project: () => [],
  };
}
