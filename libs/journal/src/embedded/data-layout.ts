import { join } from "node:path";

/** Names inside a data directory (and inside a backup of one). */
export const dataNames = {
  log: "log.db",
  bodies: "bodies",
  keys: "keys",
  manifest: "manifest.json",
  restorePending: "restore.pending",
} as const;

/** Derived views: rebuilt from the log when missing. */
export const derivedNames = ["views.db", "views.db-wal", "views.db-shm"] as const;

/** Path of the log in a data directory. */
export function logPath(dataDir: string): string {
  return join(dataDir, dataNames.log);
}
/** Path of the larger bodies' directory. */
export function bodiesPath(dataDir: string): string {
  return join(dataDir, dataNames.bodies);
}
