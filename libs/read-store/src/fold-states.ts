import type { FoldWorld, KeyedFold, RecordedEvent } from "@mailfold/kernel";
import type { FoldSnapshots } from "./fold-snapshots.ts";

/** A state and how far it is folded. */
export interface FoldedState<State> {
  readonly key: string;
  state: State;
  /** -1 when no event is applied. */
  revision: number;
  /** Revision of the newest snapshot known; -1 when none. */
  snapshotRevision: number;
  /** Of the newest snapshot known: a measure of the state's weight in memory. */
  sizeBytes: number;
}

/** Newest usable snapshot, or the initial state. A snapshot that cannot be read is passed over: the stream has it all. */
export function loadState<State>(
  fold: KeyedFold<State, unknown>,
  key: string,
  snapshots: Pick<FoldSnapshots, "load">,
  world: FoldWorld,
): FoldedState<State> {
  const { restoredAt } = world;
  const snapshot = snapshots.load({ fold: fold.name, version: fold.version, key, restoredAt });
  if (snapshot !== undefined) {
    try {
      const state = fold.deserialize(snapshot.bytes, key, world);
      const { revision, bytes } = snapshot;
      return { key, state, revision, snapshotRevision: revision, sizeBytes: bytes.byteLength };
    } catch {
      // Folded anew below.
    }
  }
  return { key, state: fold.initial(key, world), revision: -1, snapshotRevision: -1, sizeBytes: 0 };
}

/** Folds one event; answers its outcome, or undefined when the state already holds it. */
export function foldEvent<State, Outcome>(
  fold: KeyedFold<State, Outcome>,
  folded: FoldedState<State>,
  event: RecordedEvent,
): { readonly outcome: Outcome } | undefined {
  if (event.revision <= folded.revision) return undefined;
  const { state, outcome } = fold.apply(folded.state, event);
  folded.state = state;
  folded.revision = event.revision;
  return { outcome };
}

/** A snapshot of this size costs about as much as folding `eventsMin` events; a larger one waits for more of them. */
const snapshotBytesUnit = 1024 * 1024;

/**
 * Saves a snapshot when at least `eventsMin` events lie beyond the last one, in proportion more for a large state: writing
 * it costs its whole size each time, so at a fixed distance a growing mailbox would cost the square of its messages.
 */
export function saveState<State>(
  fold: KeyedFold<State, unknown>,
  folded: FoldedState<State>,
  snapshots: Pick<FoldSnapshots, "save">,
  options: { readonly world: FoldWorld; readonly eventsMin: number },
): void {
  const eventsMin = options.eventsMin * Math.max(1, folded.sizeBytes / snapshotBytesUnit);
  if (folded.revision - folded.snapshotRevision < eventsMin) return;
  const bytes = fold.serialize(folded.state);
  snapshots.save({
    fold: fold.name,
    version: fold.version,
    key: folded.key,
    revision: folded.revision,
    restoredAt: options.world.restoredAt,
    bytes,
  });
  folded.snapshotRevision = folded.revision;
  folded.sizeBytes = bytes.byteLength;
}

/** The stream that a key's events are in. */
export function foldStream(fold: Pick<KeyedFold<unknown, unknown>, "category">, key: string): string {
  return `${fold.category}-${key}`;
}
