import type { DatabaseSync } from "node:sqlite";
import type { EventStoreFault } from "../port.ts";
import type { Shelf } from "./log-schema.ts";

/** Expected revision as a number on the way to the writer. */
export const expectNone = -1;
export const expectAny = -2;

/** An event in wire form, as the writer gets it. */
interface WriterEvent {
  readonly id: string;
  readonly wireType: string;
  readonly at: number;
  readonly data: string;
  readonly metadata: string;
}
export interface WriterAppend {
  readonly shelf: Shelf;
  readonly stream: string;
  /** A revision, `expectNone` or `expectAny`. */
  readonly expected: number;
  readonly events: readonly WriterEvent[];
}
/** All-or-nothing: appends, and what an extension writes with them. */
export interface WriterRequest {
  readonly appends: readonly WriterAppend[];
  /** For the extension; empty = nothing. */
  readonly payload: string;
  readonly bytes: Uint8Array | undefined;
}
export type WriterOutcome =
  | {
      readonly kind: "written";
      readonly position: number;
      readonly revisions: readonly number[];
      readonly replayed: boolean;
      /** What the extension answered. */
      readonly result: string | undefined;
    }
  | { readonly kind: "conflict"; readonly index: number; readonly actual: number }
  | { readonly kind: "failed"; readonly fault: EventStoreFault };

/** Runs work in a transaction of its own on the writer's connection. */
export type Transact = <Result>(work: () => Result) => Result;

/** Tables of another library in the same file, written in the same transactions (the journal's bodies). */
export interface WriterExtension {
  /** Makes its tables where missing; inside a transaction. */
  prepare(db: DatabaseSync): void;
  /** Writes one request's share. Throwing fails that request alone. */
  apply(payload: string, bytes: Uint8Array | undefined, revisionOf: (stream: string) => number): string | undefined;
  /** Whatever it cached since the last commit is void. */
  rolledBack(): void;
  /** Streams that are gone for good; inside a transaction. */
  streamsDeleted(streams: readonly string[]): void;
  /** Before an event table is dropped; inside a transaction. `isElsewhere` = the stream has events in other tables. */
  tableDropping(table: string, shelf: Shelf, isElsewhere: (stream: string) => boolean): void;
  /** Work of its own, by name, in its own transactions. Undefined = no such task. */
  task?(name: string, argument: unknown, transact: Transact): Promise<unknown> | undefined;
}
