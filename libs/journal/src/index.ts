export { type ClusterJournalOptions, openClusterJournal } from "./cluster/cluster-journal.ts";
export { type FanOutOptions, type FanOutProblem, runFanOut } from "./cluster/fan-out.ts";
export type { BackupManifest } from "./embedded/backup.ts";
export { acquireDataLock, type DataLock } from "./embedded/data-lock.ts";
export { type EmbeddedJournal, type EmbeddedJournalOptions, openEmbeddedJournal } from "./embedded/embedded-journal.ts";
export { type Restored, type RestoreOptions, restoreBackup } from "./embedded/restore.ts";
export { isBackupDirectory, type Verification, verifyData } from "./embedded/verify.ts";
export * from "./port.ts";
