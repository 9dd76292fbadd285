import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { EmbeddedBlobStore } from "@mailfold/blob-store";
import type { SqliteEventStore } from "@mailfold/event-store";
import { EventStoreFault } from "@mailfold/event-store";
import { bodiesPath, dataNames, logPath } from "./data-layout.ts";
import { copyTree, fileHash, fileNamesUnder, sync, writeDurably } from "./durable-copy.ts";
import { bodyFileNames, readLogFacts } from "./log-facts.ts";

/** What a backup holds; manifest.json, written last: a directory without it is no backup. */
export interface BackupManifest {
  readonly format: 1;
  readonly epoch: string;
  /** Position of the last event in it. */
  readonly head: string;
  /** `at` of the log's last LogCreated or LogRestored, ms since the epoch. */
  readonly at: number;
  /** SHA-256 (hex) of log.db. */
  readonly sha256: string;
  readonly bodyFiles: number;
  readonly keyFiles: number;
}

/**
 * Copies log, larger bodies and sealing keys to a directory while appends go on. The keys come last: whatever key an
 * event in the copied log needs was durable before the event was.
 * @throws EventStoreFault unavailable when the directory is not empty, or cannot be written
 */
export async function backUp(parts: {
  readonly dataDir: string;
  readonly targetDir: string;
  readonly events: SqliteEventStore;
  readonly bodies: EmbeddedBlobStore;
}): Promise<BackupManifest> {
  const { dataDir, targetDir } = parts;
  await mkdir(targetDir, { recursive: true, mode: 0o700 });
  if ((await readdir(targetDir)).length > 0) {
    throw new EventStoreFault("unavailable", `${targetDir} is not empty: a backup needs a directory of its own`);
  }
  return parts.bodies.withoutFreeing(async () => {
    const copy = join(targetDir, dataNames.log);
    await parts.events.backupTo(copy);
    const db = new DatabaseSync(copy);
    let facts: ReturnType<typeof readLogFacts>;
    let bodyFiles: number;
    try {
      // One plain file, so that it can be copied about; opening it for writing makes it a write-ahead log again.
      db.exec("PRAGMA journal_mode = DELETE");
      facts = readLogFacts(db);
      bodyFiles = await copyTree(bodiesPath(dataDir), join(targetDir, dataNames.bodies), bodyFileNames(db));
    } finally {
      db.close();
    }
    await sync(copy);
    const keysDir = join(dataDir, dataNames.keys);
    const keyFiles = await copyTree(keysDir, join(targetDir, dataNames.keys), await fileNamesUnder(keysDir));
    const { epoch, head, at } = facts;
    const sha256 = await fileHash(copy);
    const manifest: BackupManifest = { format: 1, epoch, head, at, sha256, bodyFiles, keyFiles };
    await writeDurably(join(targetDir, dataNames.manifest), `${JSON.stringify(manifest, undefined, 2)}\n`);
    return manifest;
  });
}

/**
 * Reads a backup's manifest and checks that its log is the one that was copied.
 * @throws EventStoreFault corrupt
 */
export async function readManifest(from: string): Promise<BackupManifest> {
  const path = join(from, dataNames.manifest);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new EventStoreFault("corrupt", `${from} is no complete backup: it has no ${dataNames.manifest}`, {
      cause: error,
    });
  });
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(text) as BackupManifest;
  } catch (error) {
    throw new EventStoreFault("corrupt", `${path} is damaged`, { cause: error });
  }
  if (manifest.format !== 1) throw new EventStoreFault("corrupt", `${path} has a format this version does not know`);
  if ((await fileHash(logPath(from))) !== manifest.sha256) {
    throw new EventStoreFault("corrupt", `${logPath(from)} does not match the hash in ${dataNames.manifest}`);
  }
  return manifest;
}
