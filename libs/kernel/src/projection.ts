import type { RecordedEvent } from "./event.ts";

/** A value that a row may hold; objects are stored as JSON text. */
export type ColumnValue = string | number | null;
export type Row = Readonly<Record<string, ColumnValue>>;

/** A table of a rows projection. `key` columns together identify a row. All columns are declared. */
export interface TableSpec {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, "text" | "integer" | "real">>;
  /** Secondary indexes, each a list of columns. */
  readonly indexes?: readonly (readonly string[])[];
  /**
   * Column that holds the position of the traffic event which made the row; null = kept. Rows below the log's traffic
   * floor are dropped, so that live rows equal a rebuild after traffic expired.
   */
  readonly expiringBy?: string;
}

/** A change to rows. `where` matches by equality on every named column. */
export type RowChange =
  | { readonly put: string; readonly row: Row }
  | { readonly patch: string; readonly where: Row; readonly set: Row }
  | { readonly delete: string; readonly where: Row };

/** A pure fold from events to rows. Storage, position and idempotency belong to the runner (libs/read-store). */
export interface RowsProjection {
  /** Unique; prefixes its tables. */
  readonly name: string;
  /** Raise when rows change shape or meaning: the runner rebuilds beside the old rows, then swaps. */
  readonly version: number;
  readonly tables: readonly TableSpec[];
  /** Event types without wire version. Others are skipped before their data is parsed. */
  readonly handles: readonly string[];
  /** `put` replaces the whole row; `patch` and `delete` touch every row that matches (a range when the key is partial). */
  project(event: RecordedEvent): readonly RowChange[];
}
