import { glob, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BackupResult } from "@mailfold/app-api";
import { type BlobStore, openFileBlobStore, openS3BlobStore } from "@mailfold/blob-store";
import { openKurrentEventStore } from "@mailfold/event-store";
import type { EventCodec } from "@mailfold/events";
import {
  acquireDataLock,
  type DataLock,
  type Journal,
  openClusterJournal,
  openEmbeddedJournal,
  runFanOut,
} from "@mailfold/journal";
import type { Clock, Position } from "@mailfold/kernel";
import type { Logger } from "@mailfold/telemetry";
import type { Config } from "./config.ts";

/** The journal that the configuration names, and what only its owner does. */
export interface Stores {
  readonly journal: Journal;
  /** Backup of the running platform; embedded stores only. */
  readonly backup?: (directory: string) => Promise<BackupResult>;
  close(): Promise<void>;
}

export interface StoresInput {
  readonly config: Config;
  readonly dataDir: string;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly log: Logger;
  /** The stores can take nothing more: only a restart may help. */
  readonly onFatal: (error: Error) => void;
}

/** Takes the data directory's lock and opens the stores. Throws in one line when another process owns the data. */
export async function openStores(input: StoresInput): Promise<Stores> {
  const lock = acquireDataLock(input.dataDir);
  try {
    const stores = input.config.eventStore === "embedded" ? await openEmbedded(input, lock) : await openCluster(input);
    return {
      ...stores,
      async close() {
        await stores.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openEmbedded({ dataDir, codec, clock, onFatal }: StoresInput, lock: DataLock): Promise<Stores> {
  const journal = await openEmbeddedJournal({ dataDir, codec, clock, lock, onFatal });
  return {
    journal,
    async backup(directory) {
      const { head } = await journal.backup(directory);
      return { directory, position: head as Position, bytes: await directoryBytes(directory) };
    },
    close: () => journal.close(),
  };
}

async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0;
  for await (const name of glob("**/*", { cwd: directory })) bytes += (await stat(join(directory, name))).size;
  return bytes;
}

async function openCluster({ config, codec, clock, log, onFatal }: StoresInput): Promise<Stores> {
  const events = await openKurrentEventStore({ connectionString: config.eventStore, codec, clock });
  const bodies = await openBodies(config.blobStore, clock);
  const journal = openClusterJournal({ events, bodies, clock });
  const abort = new AbortController();
  // Every node may run the fan-out: event ids recorded in the intake make a second one harmless.
  const fanOut = runFanOut({
    events,
    bodies,
    position: events.fanOutPosition,
    signal: abort.signal,
    report: ({ kind, stream, error }) => log.warn({ kind, stream, err: error }, "fan-out of accepted mail"),
  }).catch(onFatal);
  return {
    journal,
    async close() {
      abort.abort();
      await fanOut;
      await journal.close();
    },
  };
}

/** `file:///directory`, or `s3://[key:secret@]bucket?endpoint=...&region=...`. */
async function openBodies(location: string, clock: Clock): Promise<BlobStore> {
  const url = new URL(location);
  if (url.protocol === "file:") return openFileBlobStore(fileURLToPath(url), clock, { settleMs: 3_600_000 });
  return openS3BlobStore({
    bucket: url.hostname,
    endpoint: url.searchParams.get("endpoint") ?? "https://s3.amazonaws.com",
    region: url.searchParams.get("region") ?? "us-east-1",
    credentials: {
      accessKeyId: decodeURIComponent(url.username) || (process.env.AWS_ACCESS_KEY_ID ?? ""),
      secretAccessKey: decodeURIComponent(url.password) || (process.env.AWS_SECRET_ACCESS_KEY ?? ""),
    },
  });
}
