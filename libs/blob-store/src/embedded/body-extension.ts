import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { BodyTables } from "./body-tables.ts";

const bodiesPerStep = 200;
/** A file without a row may belong to a commit that is still under way; after an hour it does not. */
const orphanAgeMs = 60 * 60 * 1_000;
/** Categories of traffic whose streams hold bodies. */
const holdingCategories = ["intake", "outbound", "quarantine"] as const;

type Transact = <Result>(work: () => Result) => Result;

/**
 * The bodies' part of the log's writer (structurally event-store's WriterExtension): in each commit, bodies and holds
 * are written with the events; streams that go let go of their bodies.
 */
export class BodyExtension {
  readonly #bodiesDir: string;
  #tables: BodyTables | undefined;
  #swept = false;

  constructor(bodiesDir: string) {
    this.#bodiesDir = bodiesDir;
  }

  prepare(db: DatabaseSync): void {
    this.#tables = new BodyTables(db);
  }

  apply(payload: string, bytes: Uint8Array | undefined, revisionOf: (stream: string) => number): string | undefined {
    return this.#ready().apply(payload, bytes, revisionOf);
  }

  /** Nothing is cached here. */
  rolledBack(): void {}

  streamsDeleted(streams: readonly string[]): void {
    for (const stream of streams) this.#ready().release(stream, Date.now());
  }

  tableDropping(table: string, shelf: string, isElsewhere: (stream: string) => boolean): void {
    if (shelf !== "traffic" && shelf !== "quarantine") return;
    for (const category of holdingCategories) {
      for (const stream of this.#ready().holdersIn(table, category)) {
        if (!isElsewhere(stream)) this.#ready().release(stream, Date.now());
      }
    }
  }

  task(name: string, argument: unknown, transact: Transact): Promise<unknown> | undefined {
    if (name !== "free") return undefined;
    return this.#free((argument as { unheldBefore: number }).unheldBefore, transact);
  }

  async #free(unheldBefore: number, transact: Transact): Promise<{ bodies: number; bytes: number }> {
    const total = { bodies: 0, bytes: 0 };
    for (;;) {
      const freed = transact(() => this.#ready().freeStep(unheldBefore, bodiesPerStep));
      // Only after the commit: a file without a row is swept later, a row without its file is a lost mail.
      for (const file of freed.files) rmSync(join(this.#bodiesDir, file), { force: true });
      total.bodies += freed.bodies;
      total.bytes += freed.bytes;
      if (freed.bodies < bodiesPerStep) break;
      await nextTurn();
    }
    await this.#sweepOrphans();
    return total;
  }

  /** Files that a crash left without a row; once per start is enough. */
  async #sweepOrphans(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    const oldest = Date.now() - orphanAgeMs;
    for (const first of namesIn(this.#bodiesDir)) {
      for (const second of namesIn(join(this.#bodiesDir, first))) {
        for (const name of namesIn(join(this.#bodiesDir, first, second))) {
          const file = join(first, second, name);
          const path = join(this.#bodiesDir, file);
          const [sha = ""] = name.split(".");
          if (!this.#ready().isFileUsed(sha, file) && statSync(path).mtimeMs < oldest) rmSync(path, { force: true });
        }
        await nextTurn();
      }
    }
  }

  #ready(): BodyTables {
    if (this.#tables === undefined) throw new Error("invariant broken: bodies used before their tables");
    return this.#tables;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
