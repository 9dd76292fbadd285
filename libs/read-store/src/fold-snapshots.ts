import type { DatabaseSync } from "node:sqlite";

/** A keyed fold's state at a revision, as the fold serialised it. */
export interface FoldSnapshot {
  readonly fold: string;
  readonly version: number;
  readonly key: string;
  readonly revision: number;
  /** FoldWorld.restoredAt that the state was folded under. */
  readonly restoredAt: number;
  readonly bytes: Uint8Array;
}

/** Which snapshot may be used: same fold version, same world. */
export type SnapshotQuery = Pick<FoldSnapshot, "fold" | "version" | "key" | "restoredAt">;

/** Where snapshots lie. They only save time: losing one costs a longer fold. */
export interface FoldSnapshots {
  load(query: SnapshotQuery): FoldSnapshot | undefined;
  /** Keeps the newer of this and what is there; may be dropped under pressure. */
  save(snapshot: FoldSnapshot): void;
}

/** Snapshots in memory, for tests and read-only processes; at most `max`, the oldest go first. */
export function createMemorySnapshots(max = 1_000): FoldSnapshots {
  const kept = new Map<string, FoldSnapshot>();
  return {
    load: (query) => usable(kept.get(`${query.fold}/${query.key}`), query),
    save: (snapshot) => {
      kept.set(`${snapshot.fold}/${snapshot.key}`, snapshot);
      const [oldest] = kept.keys();
      if (kept.size > max && oldest !== undefined) kept.delete(oldest);
    },
  };
}

function usable(snapshot: FoldSnapshot | undefined, query: SnapshotQuery): FoldSnapshot | undefined {
  if (snapshot?.version !== query.version || snapshot.restoredAt !== query.restoredAt) return undefined;
  return snapshot;
}

/** Reads snapshots through a connection; the statement is prepared once. */
export function snapshotLoader(db: DatabaseSync): FoldSnapshots["load"] {
  const statement = db.prepare(
    "SELECT revision, bytes FROM fold_snapshots WHERE fold = ? AND key = ? AND version = ? AND restored_at = ?",
  );
  return (query) => {
    const row = statement.get(query.fold, query.key, query.version, query.restoredAt);
    if (row === undefined || !(row.bytes instanceof Uint8Array)) return undefined;
    return { ...query, revision: Number(row.revision), bytes: row.bytes };
  };
}

/** Writes snapshots through the projector's connection, inside or outside a transaction. */
export function snapshotSaver(db: DatabaseSync): FoldSnapshots["save"] {
  const statement = db.prepare(
    `INSERT INTO fold_snapshots (fold, key, version, revision, restored_at, bytes) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (fold, key) DO UPDATE SET version = excluded.version, revision = excluded.revision,
       restored_at = excluded.restored_at, bytes = excluded.bytes
     WHERE excluded.revision > revision OR excluded.version <> version OR excluded.restored_at <> restored_at`,
  );
  return ({ fold, key, version, revision, restoredAt, bytes }) => {
    statement.run(fold, key, version, revision, restoredAt, bytes);
  };
}
