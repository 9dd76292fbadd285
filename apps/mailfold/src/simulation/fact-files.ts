import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { hasReached, type Position, startOfLog } from "@mailfold/kernel";
import { decodeSegment, encodeSegment, engineVersion, type FactMark, type FactSegment } from "@mailfold/policy";

/** Raised whenever files of before must not be read any more; a new engine also makes the table anew. */
const tableVersion = 1;
const version = `${tableVersion}.${engineVersion}`;

/** What stands before the blocks of a file: one line of JSON. */
interface Head {
  readonly version: string;
  /** Of the log that the rows are from. */
  readonly epoch: string;
  readonly number: number;
  /** The part of the log that it holds: after one position, up to another. */
  readonly after: Position;
  readonly upTo: Position;
  readonly rows: number;
  readonly minAt: number;
  readonly maxAt: number;
  /** Lengths of the blocks, each compressed by itself: marks, then those of the rows. */
  readonly lengths: readonly number[];
  readonly sum: number;
}

/** A sealed segment's file. */
export type FactFile = Readonly<Head> & { readonly path: string };

/** A file's bytes are not those that were written. */
export class FactFileBroken extends Error {}

const nameOf = (number: number): string => `facts-${String(number).padStart(8, "0")}.seg`;
const namePattern = /^facts-\d{8}\.seg$/;
const decoder = new TextDecoder();

/** What was written of a file cannot be made sense of: as good as damaged. */
function decoded<T>(path: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new FactFileBroken(`${path} cannot be decoded`, { cause: error });
  }
}

/** Reads a file; answers its head, and its blocks by number. */
function readFile(path: string): { readonly head: Head; readonly block: (number: number) => Uint8Array } {
  const bytes = readFileSync(path);
  const end = bytes.indexOf(10);
  const head = decoded(path, () => JSON.parse(decoder.decode(bytes.subarray(0, end))) as Head);
  const { lengths = [], sum } = head;
  const blocks = bytes.subarray(end + 1);
  const starts = [0];
  for (const length of lengths) starts.push((starts.at(-1) ?? 0) + length);
  if (blocks.length !== starts.at(-1) || crc32(blocks) !== sum) throw new FactFileBroken(`${path} is damaged`);
  return {
    head,
    block: (number) => decoded(path, () => zstdDecompressSync(blocks.subarray(starts[number], starts[number + 1]))),
  };
}

/** Sealed segments in a directory, one file each; a chain from one position of the log to another. */
export class FactFiles {
  readonly #dir: string;
  readonly #epoch: string;
  #files: FactFile[] = [];

  private constructor(dir: string, epoch: string) {
    this.#dir = dir;
    this.#epoch = epoch;
  }

  /**
   * Opens the files of a log. What is damaged, of another version or log, or no longer joins on to what came before is
   * thrown away, with all after it: those rows are made again from the log. `floor`: traffic before it has expired.
   */
  static open(dir: string, log: { readonly epoch: string; readonly floor: Position }): FactFiles {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const opened = new FactFiles(dir, log.epoch);
    opened.#read(log.floor);
    return opened;
  }

  get all(): readonly FactFile[] {
    return this.#files;
  }

  /** Everything up to here is in files. */
  get checkpoint(): Position {
    return this.#files.at(-1)?.upTo ?? startOfLog;
  }

  /** Writes a segment's file; it is there whole, or not at all. */
  append(segment: FactSegment, upTo: Position): void {
    const marks = Buffer.from(JSON.stringify(segment.marks));
    const compressed = [marks, ...encodeSegment(segment)].map((block) => zstdCompressSync(block));
    const blocks = Buffer.concat(compressed);
    const at = segment.numbers.at;
    const number = (this.#files.at(-1)?.number ?? 0) + 1;
    const head: Head = {
      version,
      epoch: this.#epoch,
      number,
      after: this.checkpoint,
      upTo,
      rows: segment.rows,
      minAt: at.reduce((least, each) => Math.min(least, each), Number.MAX_SAFE_INTEGER),
      maxAt: at.reduce((most, each) => Math.max(most, each), 0),
      lengths: compressed.map(({ length }) => length),
      sum: crc32(blocks),
    };
    const path = join(this.#dir, nameOf(number));
    this.#write(path, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), blocks]));
    this.#files.push({ ...head, path });
  }

  /** Removes files all of whose traffic lies below the floor; the last one stays, which says how far the table goes. */
  expire(floor: Position): void {
    const first = this.#files.findIndex(({ upTo }) => hasReached(upTo, floor));
    const gone = this.#files.splice(0, first < 0 ? Math.max(0, this.#files.length - 1) : first);
    for (const { path } of gone) rmSync(path, { force: true });
  }

  marksOf(file: FactFile): readonly FactMark[] {
    const marks = readFile(file.path).block(0);
    return decoded(file.path, () => JSON.parse(decoder.decode(marks)) as readonly FactMark[]);
  }

  segmentOf(file: FactFile): FactSegment {
    const { block, head } = readFile(file.path);
    return decoded(file.path, () => decodeSegment(head.rows, (number) => block(number + 1)));
  }

  /** Throws a file and all after it away; nothing if it is gone already. */
  dropFrom(file: FactFile): void {
    const from = this.#files.indexOf(file);
    if (from < 0) return;
    for (const { path } of this.#files.splice(from)) rmSync(path, { force: true });
  }

  #read(floor: Position): void {
    let isWhole = true;
    for (const name of readdirSync(this.#dir).sort()) {
      const path = join(this.#dir, name);
      const head = isWhole && namePattern.test(name) ? this.#headOf(path) : undefined;
      const last = this.#files.at(-1);
      const joins = last === undefined ? hasReached(floor, head?.after ?? startOfLog) : head?.after === last.upTo;
      if (head === undefined || !joins) {
        isWhole = false;
        rmSync(path, { force: true, recursive: true });
      } else this.#files.push({ ...head, path });
    }
  }

  #headOf(path: string): Head | undefined {
    try {
      const { head } = readFile(path);
      return head.version === version && head.epoch === this.#epoch ? head : undefined;
    } catch (error) {
      if (error instanceof FactFileBroken) return undefined;
      throw error;
    }
  }

  #write(path: string, bytes: Uint8Array): void {
    const draft = `${path}.new`;
    const file = openSync(draft, "w", 0o600);
    try {
      writeFileSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    const dir = openSync(this.#dir, "r");
    try {
      fsyncSync(dir);
    } finally {
      closeSync(dir);
    }
  }
}
