import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { EventStoreFault } from "@mailfold/event-store";

/** The right to use a data directory; held until released, or until the process ends in whatever way. */
export interface DataLock {
  readonly dataDir: string;
  release(): void;
}

/**
 * Takes the data directory for this process: a transaction held open on DATA/lock.db, which the operating system drops
 * even after kill -9. Makes the directory (0700) when missing.
 * @throws EventStoreFault unavailable when another process has it, or it cannot be written
 */
export function acquireDataLock(dataDir: string): DataLock {
  const path = join(dataDir, "lock.db");
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    db?.close();
    throw toLockFault(error, dataDir);
  }
  const held = db;
  return {
    dataDir,
    release: () => {
      if (held.isOpen) held.close();
    },
  };
}

function toLockFault(error: unknown, dataDir: string): EventStoreFault {
  const { errcode, message } = error as { errcode?: number; message: string };
  const sqliteBusy = 5;
  if (errcode !== undefined && (errcode & 0xff) === sqliteBusy) {
    return new EventStoreFault("unavailable", `${dataDir} is in use by another Mailfold process: stop it first`, {
      cause: error,
    });
  }
  return new EventStoreFault("unavailable", `${dataDir} cannot be used as data directory (${message})`, {
    cause: error,
  });
}
