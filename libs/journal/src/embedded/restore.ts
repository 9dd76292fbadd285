import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { EventStoreFault, logEvent } from "@mailfold/event-store";
import { expectAny, LogWriter, openLogForReading, openLogForWriting } from "@mailfold/event-store/writer";
import type { EventCodec } from "@mailfold/events";
import { streams } from "@mailfold/events";
import type { Clock } from "@mailfold/kernel";
import { readManifest } from "./backup.ts";
import { dataNames, derivedNames, logPath } from "./data-layout.ts";
import type { DataLock } from "./data-lock.ts";
import { acquireDataLock } from "./data-lock.ts";
import { copyDurably, copyTree, fileNamesUnder, removeDurably, sync, writeDurably } from "./durable-copy.ts";
import type { LogFacts } from "./log-facts.ts";
import { readLogFacts } from "./log-facts.ts";

/** Positions skipped when the log that is replaced cannot be read, so that none it gave out is given again. */
const positionsSkipped = 1_000_000;
const restoredLater = 1_000;

/** How to restore. */
export interface RestoreOptions {
  /** A directory that `backup` made. */
  readonly from: string;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly codec: EventCodec;
  readonly lock?: DataLock;
}
export interface Restored {
  readonly epoch: string;
  /** `at` of the LogRestored event, ms since the epoch. */
  readonly at: number;
  /** Where the data that was there before now lies, if there was any. */
  readonly replaced: string | undefined;
}

/**
 * Puts a backup in place of a stopped platform's data. The log gets a new epoch by a LogRestored event, views are
 * removed (they are rebuilt), and what was there is moved aside, not deleted. A crash in between leaves a mark that
 * start-up refuses, and running it again completes it.
 * @throws EventStoreFault unavailable when the platform runs; corrupt when the backup is not whole
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from, dataDir, clock } = options;
  await readManifest(from);
  const lock = options.lock ?? acquireDataLock(dataDir);
  try {
    const before = readFactsIfPossible(logPath(dataDir));
    const draft = join(dataDir, "restore.draft");
    await removeDurably(draft);
    await copyBackup(from, draft);
    const restored = beginNewEpoch(logPath(draft), { before, clock, codec: options.codec });
    await sync(logPath(draft));
    const replaced = await swap(dataDir, draft, `replaced-${restored.at}`);
    return { ...restored, replaced };
  } finally {
    if (options.lock === undefined) lock.release();
  }
}

async function copyBackup(from: string, draft: string): Promise<void> {
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await copyDurably(logPath(from), logPath(draft));
  for (const name of [dataNames.bodies, dataNames.keys]) {
    const names = await fileNamesUnder(join(from, name));
    if (names.length > 0 || name === dataNames.bodies) await copyTree(join(from, name), join(draft, name), names);
  }
  await sync(draft);
}

/** Old cursors must not be mistaken for new ones: new epoch, later `at`, and positions beyond all that were given out. */
function beginNewEpoch(
  path: string,
  world: { readonly before: LogFacts | undefined; readonly clock: Clock; readonly codec: EventCodec },
): { readonly epoch: string; readonly at: number } {
  const db = openLogForWriting(path);
  try {
    const backup = readLogFacts(db);
    const at = Math.max(world.clock.now(), Math.max(backup.at, world.before?.at ?? 0) + restoredLater);
    const epoch = randomUUID();
    const writer = new LogWriter(db, path);
    const skip = Math.max(backup.headNumber, world.before?.headNumber ?? backup.headNumber + positionsSkipped);
    writer.transact(() => {
      writer.skipTo(skip);
      db.prepare("UPDATE log SET epoch = ?").run(epoch);
    });
    const wire = world.codec.encode(streams.platformLog, logEvent("LogRestored", { epoch, at }));
    const event = { ...wire, at: wire.occurredAt };
    const append = { shelf: "record", stream: streams.platformLog, expected: expectAny, events: [event] } as const;
    const [outcome] = writer.writeBatch([{ appends: [append], payload: "", bytes: undefined }]);
    if (outcome?.kind !== "written") throw new EventStoreFault("fatal", `${path}: the new epoch could not be written`);
    return { epoch, at };
  } finally {
    db.close();
  }
}

async function swap(dataDir: string, draft: string, asideName: string): Promise<string | undefined> {
  const pending = join(dataDir, dataNames.restorePending);
  await writeDurably(pending, "a restore is under way; run `mailfold restore` again if you read this\n");
  const aside = join(dataDir, asideName);
  const replacedNames = [dataNames.log, `${dataNames.log}-wal`, `${dataNames.log}-shm`, dataNames.bodies];
  if (existsSync(join(draft, dataNames.keys))) replacedNames.push(dataNames.keys);
  const present = replacedNames.filter((name) => existsSync(join(dataDir, name)));
  if (present.length > 0) {
    await mkdir(aside, { recursive: true, mode: 0o700 });
    for (const name of present) await rename(join(dataDir, name), join(aside, name));
    await sync(aside);
  }
  for (const name of derivedNames) await removeDurably(join(dataDir, name));
  for (const name of [dataNames.bodies, dataNames.keys, dataNames.log]) {
    if (existsSync(join(draft, name))) await rename(join(draft, name), join(dataDir, name));
  }
  await sync(dataDir);
  await removeDurably(draft);
  await removeDurably(pending);
  return present.length > 0 ? aside : undefined;
}

function readFactsIfPossible(path: string): LogFacts | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const db = openLogForReading(path);
    try {
      return readLogFacts(db);
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}
