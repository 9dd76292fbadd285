import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { BodyFiles, bodyHash } from "@mailfold/blob-store";
import { EventStoreFault } from "@mailfold/event-store";
import { fixedTables, openLogForReading, openLogForWriting } from "@mailfold/event-store/writer";
import { readManifest } from "./backup.ts";
import { bodiesPath, dataNames, logPath } from "./data-layout.ts";
import type { DataLock } from "./data-lock.ts";
import { acquireDataLock } from "./data-lock.ts";
import { readLogFacts } from "./log-facts.ts";

const problemsMax = 100;
const bodiesPerPage = 100;

/** What a whole reading of the stores found. */
export interface Verification {
  readonly ok: boolean;
  /** At most 100, each a sentence. */
  readonly problems: readonly string[];
  readonly events: number;
  readonly bodies: number;
  readonly bodyBytes: number;
}

/** Whether a directory is a complete backup rather than somebody's data. */
export function isBackupDirectory(path: string): boolean {
  return existsSync(join(path, dataNames.manifest));
}

/**
 * Reads everything: the file's structure, gaps in revisions, each body against its hash, holds against bodies.
 * For a stopped platform, or for a backup (told by its manifest; it is not written to).
 * @throws EventStoreFault unavailable when the platform runs
 */
export async function verifyData(dataDir: string, options: { readonly lock?: DataLock } = {}): Promise<Verification> {
  const found = new Findings();
  const isBackup = isBackupDirectory(dataDir);
  const lock = isBackup || options.lock !== undefined ? undefined : acquireDataLock(dataDir);
  let db: DatabaseSync | undefined;
  try {
    if (!existsSync(logPath(dataDir))) {
      found.problem(`${logPath(dataDir)} is missing`);
      return found.result();
    }
    if (isBackup) await readManifest(dataDir);
    db = isBackup ? openLogForReading(logPath(dataDir)) : openLogForWriting(logPath(dataDir));
    verifyLog(db, found);
    await verifyBodies(db, new BodyFiles(bodiesPath(dataDir)), found);
    return found.result();
  } catch (error) {
    if (!(error instanceof EventStoreFault) && !hasCode(error)) throw error;
    found.problem((error as Error).message);
    return found.result();
  } finally {
    db?.close();
    lock?.release();
  }
}

class Findings {
  events = 0;
  bodies = 0;
  bodyBytes = 0;
  readonly #problems: string[] = [];

  problem(text: string): void {
    if (this.#problems.length < problemsMax) this.#problems.push(text);
  }

  result(): Verification {
    const { events, bodies, bodyBytes } = this;
    return { ok: this.#problems.length === 0, problems: this.#problems, events, bodies, bodyBytes };
  }
}

function verifyLog(db: DatabaseSync, found: Findings): void {
  const verdicts = db.prepare(`PRAGMA integrity_check(${problemsMax})`).all() as { integrity_check: string }[];
  for (const { integrity_check: verdict } of verdicts) if (verdict !== "ok") found.problem(`log.db: ${verdict}`);
  const facts = readLogFacts(db);
  if (facts.revision < 0) found.problem("log.db has no LogCreated event");
  const buckets = db.prepare("SELECT name FROM buckets").all() as { name: string }[];
  const fixed: readonly string[] = Object.values(fixedTables);
  for (const table of [...fixed, ...buckets.map(({ name }) => name)]) {
    const { events, last } = db.prepare(`SELECT count(*) AS events, max(pos) AS last FROM ${table}`).get() as {
      events: number;
      last: number | null;
    };
    found.events += events;
    if ((last ?? 0) > facts.headNumber) found.problem(`${table} has events beyond the log's head`);
    // Traffic may have lost its older days, so a stream there may begin above 0.
    const gaps = db
      .prepare(
        `SELECT stream, min(revision) AS first, count(*) AS events FROM ${table} GROUP BY stream
         HAVING max(revision) - min(revision) + 1 <> count(*) ${fixed.includes(table) ? "OR min(revision) <> 0" : ""}
         LIMIT ${problemsMax}`,
      )
      .all() as { stream: string }[];
    for (const { stream } of gaps) found.problem(`stream ${stream} has a gap in its revisions`);
  }
}

async function verifyBodies(db: DatabaseSync, files: BodyFiles, found: Findings): Promise<void> {
  const hasBodies = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'bodies'").get() !== undefined;
  if (!hasBodies) return;
  const page = db.prepare(
    `SELECT b.id, b.tenant, b.sha, b.size, b.file, y.bytes FROM bodies b LEFT JOIN body_bytes y ON y.id = b.id
     WHERE b.id > ? ORDER BY b.id LIMIT ${bodiesPerPage}`,
  );
  for (let after = 0; ; ) {
    const rows = page.all(after) as unknown as BodyRow[];
    for (const row of rows) await verifyBody(row, files, found);
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.id;
    await nextTurn();
  }
  verifyHolds(db, found);
}

interface BodyRow {
  readonly id: number;
  readonly tenant: string;
  readonly sha: string;
  readonly size: number;
  readonly file: string | null;
  readonly bytes: Uint8Array | null;
}

async function verifyBody(row: BodyRow, files: BodyFiles, found: Findings): Promise<void> {
  const bytes = row.file === null ? row.bytes : await files.read(row.file);
  found.bodies += 1;
  found.bodyBytes += row.size;
  const where = join(row.tenant, row.sha);
  if (bytes === null || bytes === undefined) found.problem(`body ${where} is missing`);
  else if (bytes.byteLength !== row.size || (await bodyHash(bytes)) !== row.sha) {
    found.problem(`body ${where} does not match its hash`);
  }
}

function verifyHolds(db: DatabaseSync, found: Findings): void {
  const dangling = db
    .prepare(
      `SELECT stream FROM holds h WHERE NOT EXISTS (SELECT 1 FROM bodies b WHERE b.id = h.body) LIMIT ${problemsMax}`,
    )
    .all() as { stream: string }[];
  for (const { stream } of dangling) found.problem(`stream ${stream} holds a body that is missing`);
  const miscounted = db
    .prepare(
      `SELECT b.sha FROM bodies b LEFT JOIN (SELECT body, count(*) AS held FROM holds GROUP BY body) h ON h.body = b.id
       WHERE b.holders <> coalesce(h.held, 0) OR (b.holders = 0) <> (b.unheld_since IS NOT NULL) LIMIT ${problemsMax}`,
    )
    .all() as { sha: string }[];
  for (const { sha } of miscounted) found.problem(`body ${sha} has a wrong count of holders`);
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && ("errcode" in error || "code" in error);
}
