import type { RecordedEvent } from "./event.ts";

/**
 * A pure fold of one stream category, one state per key. The runner keeps snapshots; the fold also answers an outcome
 * for each event: what the event turned out to mean, decided by its place in the stream.
 */
export interface KeyedFold<State, Outcome> {
  readonly name: string;
  /** Raise only when snapshots change shape: states are refolded. May never renumber anything. */
  readonly version: number;
  /** Stream category, e.g. `mail`. */
  readonly category: string;
  initial(key: string, world: FoldWorld): State;
  /** May mutate and return the same state: the runner owns it and hands it to nobody while applying. */
  apply(state: State, event: RecordedEvent): { readonly state: State; readonly outcome: Outcome };
  /** Snapshot to bytes and back. */
  serialize(state: State): Uint8Array;
  deserialize(bytes: Uint8Array, key: string, world: FoldWorld): State;
}

/** What a fold needs to know of the log as a whole. */
export interface FoldWorld {
  /** `at` of the latest LogRestored, in ms since the epoch; 0 before any restore. */
  readonly restoredAt: number;
}
