import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { BodyRef } from "@mailfold/events";
import type { Clock } from "@mailfold/kernel";
import { assert } from "@mailfold/kernel";
import { verifiedBody } from "../body-hash.ts";
import type { BlobStore } from "../port.ts";
import { BodyFiles } from "./body-files.ts";
import type { BodyChange, BodyKey } from "./body-tables.ts";

/** Bodies up to this size lie in the log's file, in the transaction of their events; larger ones in files. */
export const inlineBodyBytesMax = 128 * 1024;

/** The writer, as far as bodies need it: changes share the log's commits. */
export interface BodyWriter {
  /** Resolves after the change is durable, with the writer's answer. */
  change(payload: string, bytes: readonly Uint8Array[]): Promise<string | undefined>;
  task(name: "free", argument: { readonly unheldBefore: number }): Promise<unknown>;
}

/** Bodies ready for a commit: payload and bytes for the writer, and files that exist already. */
export interface PreparedBodies {
  readonly payload: string;
  readonly bytes: readonly Uint8Array[];
  readonly files: readonly string[];
}

interface FoundRow {
  readonly id: number;
  readonly size: number;
  readonly file: string | null;
}

/** Message bodies in the log's own file (and files beside it): the half of the embedded journal that reads them. */
export class EmbeddedBlobStore implements BlobStore {
  readonly #db: DatabaseSync;
  readonly #files: BodyFiles;
  readonly #clock: Clock;
  readonly #writer: BodyWriter;
  readonly #find: StatementSync;
  readonly #bytes: StatementSync;
  readonly #range: StatementSync;
  readonly #index: StatementSync;
  #pauses = 0;
  #freeing: Promise<unknown> = Promise.resolve();

  /** `db`: a read-only connection to the log's file, closed with the store. */
  constructor(parts: {
    readonly db: DatabaseSync;
    readonly bodiesDir: string;
    readonly clock: Clock;
    readonly writer: BodyWriter;
  }) {
    this.#db = parts.db;
    this.#files = new BodyFiles(parts.bodiesDir);
    this.#clock = parts.clock;
    this.#writer = parts.writer;
    this.#find = parts.db.prepare("SELECT id, size, file FROM bodies WHERE tenant = ? AND sha = ?");
    this.#bytes = parts.db.prepare("SELECT bytes FROM body_bytes WHERE id = ?");
    this.#range = parts.db.prepare("SELECT substr(bytes, ?, ?) AS bytes FROM body_bytes WHERE id = ?");
    this.#index = parts.db.prepare("SELECT json FROM body_index WHERE id = ?");
  }

  async read(ref: BodyRef): Promise<Uint8Array | undefined> {
    const row = this.#row(ref);
    if (row === undefined) return undefined;
    const bytes = row.file === null ? this.#inline(this.#bytes.get(row.id)) : await this.#files.read(row.file);
    return bytes === undefined ? undefined : verifiedBody(ref, bytes);
  }

  async readRange(ref: BodyRef, start: number, end: number): Promise<Uint8Array | undefined> {
    const row = this.#row(ref);
    if (row === undefined) return undefined;
    const from = Math.max(0, start);
    const length = Math.max(0, Math.min(end, row.size) - from);
    if (length === 0) return new Uint8Array();
    if (row.file !== null) return this.#files.read(row.file, from, from + length);
    return this.#inline(this.#range.get(from + 1, length, row.id));
  }

  async write(ref: BodyRef, bytes: Uint8Array): Promise<void> {
    const prepared = await this.prepare([{ ref, bytes }], []);
    const answer = await this.#writer.change(prepared.payload, prepared.bytes);
    await this.dropSuperfluous(answer);
  }

  async readIndex(ref: BodyRef): Promise<string | undefined> {
    const row = this.#row(ref);
    if (row === undefined) return undefined;
    return (this.#index.get(row.id) as { json: string } | undefined)?.json;
  }

  async writeIndex(ref: BodyRef, index: string): Promise<void> {
    await this.#change({ op: "writeIndex", key: keyOf(ref), json: index });
  }

  /**
   * Replaces what a stream holds. `upToRevision`: what the refs were computed from; holds of later commits stay, so
   * that a message delivered meanwhile keeps its body.
   */
  async setHeld(
    stream: string,
    refs: readonly BodyRef[],
    options: { readonly upToRevision?: number } = {},
  ): Promise<void> {
    const { upToRevision } = options;
    await this.#change({ op: "setHeld", now: this.#clock.now(), stream, keys: refs.map(keyOf), upToRevision });
  }

  /** Does nothing while a backup copies body files. */
  async free(graceMs: number): Promise<{ readonly bodies: number; readonly bytes: number }> {
    if (this.#pauses > 0) return { bodies: 0, bytes: 0 };
    const freeing = this.#writer.task("free", { unheldBefore: this.#clock.now() - graceMs });
    this.#freeing = freeing.catch(() => undefined);
    return (await freeing) as { bodies: number; bytes: number };
  }

  /** Runs work during which no body file disappears. */
  async withoutFreeing<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#pauses += 1;
    try {
      await this.#freeing;
      return await work();
    } finally {
      this.#pauses -= 1;
    }
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  /** Makes bodies ready for a commit: large ones are files, durable, when it resolves. */
  async prepare(
    bodies: readonly { readonly ref: BodyRef; readonly bytes: Uint8Array }[],
    holds: readonly { readonly stream: string; readonly ref: BodyRef }[],
  ): Promise<PreparedBodies> {
    const bytes: Uint8Array[] = [];
    const files: string[] = [];
    const entries: { key: BodyKey; sizeBytes: number; file?: string }[] = [];
    const seen = new Set<string>();
    for (const { ref, bytes: content } of bodies) {
      const key = keyOf(ref);
      const name = `${ref.tenantId}/${ref.sha256}`;
      if (seen.has(name)) continue;
      seen.add(name);
      assert(content.byteLength === ref.sizeBytes, `body ${ref.sha256} has ${content.byteLength} bytes`);
      if (ref.sizeBytes <= inlineBodyBytesMax) {
        bytes.push(content);
        entries.push({ key, sizeBytes: ref.sizeBytes });
      } else {
        const file = await this.#files.write(ref.sha256, content);
        files.push(file);
        entries.push({ key, sizeBytes: ref.sizeBytes, file });
      }
    }
    const change: BodyChange = {
      op: "commit",
      now: this.#clock.now(),
      bodies: entries,
      holds: holds.map(({ stream, ref }) => ({ stream, key: keyOf(ref) })),
    };
    return { payload: JSON.stringify(change), bytes, files };
  }

  /** Removes files that a commit turned out not to need. */
  async dropFiles(files: readonly string[]): Promise<void> {
    await this.#files.remove(files);
  }
  /** The same, from the writer's answer. */
  async dropSuperfluous(answer: string | undefined): Promise<void> {
    if (answer !== undefined) await this.dropFiles(JSON.parse(answer) as string[]);
  }

  async #change(change: BodyChange): Promise<void> {
    await this.#writer.change(JSON.stringify(change), []);
  }

  #row(ref: BodyRef): FoundRow | undefined {
    return this.#find.get(...keyOf(ref)) as unknown as FoundRow | undefined;
  }

  #inline(row: unknown): Uint8Array | undefined {
    return (row as { bytes: Uint8Array } | undefined)?.bytes;
  }
}

function keyOf(ref: BodyRef): BodyKey {
  return [ref.tenantId, ref.sha256];
}
