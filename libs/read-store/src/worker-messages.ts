import type { BodyRef } from "@mailfold/events";
import type { Position, Row } from "@mailfold/kernel";
import type { FoldSnapshot } from "./fold-snapshots.ts";
import type { RowQuery } from "./port.ts";
import type { TrackStatus } from "./projector.ts";
import type { ProjectionTables } from "./sql-reader.ts";

/** What a projector worker is started with. */
export interface ProjectorWorkerData {
  readonly path: string;
  readonly moduleUrl: string;
  readonly config: unknown;
}

export type ProjectorRequest =
  | { readonly type: "rebuild"; readonly id: number; readonly name: string }
  | { readonly type: "prune" | "close"; readonly id: number }
  | { readonly type: "snapshot"; readonly snapshot: FoldSnapshot };

export type ProjectorMessage =
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly error: string }
  | {
      readonly type: "advanced";
      readonly changes: readonly { readonly name: string; readonly position: Position; readonly changed: boolean }[];
    }
  | { readonly type: "status"; readonly statuses: readonly TrackStatus[] }
  | { readonly type: "swapped"; readonly name: string }
  | { readonly type: "bodies"; readonly stream: string; readonly refs: readonly BodyRef[]; readonly revision: number }
  | { readonly type: "fault"; readonly text: string }
  | { readonly type: "reply"; readonly id: number; readonly error?: string };

export type ReaderRequest =
  | {
      readonly type: "select";
      readonly id: number;
      readonly projection: ProjectionTables;
      readonly table: string;
      readonly query: RowQuery;
    }
  | { readonly type: "hash"; readonly id: number; readonly projection: ProjectionTables };

export type ReaderMessage =
  | { readonly id: number; readonly rows: readonly Row[] }
  | { readonly id: number; readonly hash: string }
  | { readonly id: number; readonly error: string; readonly name: string };
