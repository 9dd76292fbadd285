import type { Position } from "@mailfold/kernel";
import { type FactMark, type FactSegment, SegmentBuilder } from "@mailfold/policy";
import type { LogSource } from "../log-source.ts";
import { type FactFile, FactFiles } from "./fact-files.ts";
import { factFilter, factOfEvent } from "./fact-of-event.ts";

type TableLog = Pick<LogSource, "readAll" | "epoch" | "floor">;

/**
 * Recorded verdicts, as compact as a simulation wants them: sealed segments in files, and the newest rows in memory, which a
 * restart reads from the log again. Follows the log when it is told to.
 */
export class FactTable {
  readonly #log: TableLog;
  readonly #files: FactFiles;
  #open = new SegmentBuilder();
  #position: Position;
  #reading: Promise<void> = Promise.resolve();

  private constructor(log: TableLog, files: FactFiles) {
    this.#log = log;
    this.#files = files;
    this.#position = files.checkpoint;
  }

  static async open(dir: string, log: TableLog): Promise<FactTable> {
    const [epoch, floor] = await Promise.all([log.epoch(), log.floor("traffic")]);
    return new FactTable(log, FactFiles.open(dir, { epoch, floor }));
  }

  /** Takes in all that the log has by now, and lets go of what has expired. One call runs at a time. */
  catchUp(signal?: AbortSignal): Promise<void> {
    const turn = this.#reading.then(() => this.#read(signal));
    this.#reading = turn.catch(() => undefined);
    return turn;
  }

  get files(): readonly FactFile[] {
    return this.#files.all;
  }

  marksOf(file: FactFile): readonly FactMark[] {
    return this.#files.marksOf(file);
  }

  segmentOf(file: FactFile): FactSegment {
    return this.#files.segmentOf(file);
  }

  /** Rows that are in no file yet. */
  newest(): FactSegment {
    return this.#open.seal();
  }

  /** A file that cannot be read: it is made again from the log, with all after it, once what is being read is taken in. */
  discard(file: FactFile): Promise<void> {
    const turn = this.#reading.then(() => {
      this.#files.dropFrom(file);
      this.#open = new SegmentBuilder();
      this.#position = this.#files.checkpoint;
    });
    this.#reading = turn.catch(() => undefined);
    return turn;
  }

  async #read(signal: AbortSignal | undefined): Promise<void> {
    for await (const event of this.#log.readAll({ after: this.#position, filter: factFilter })) {
      if (signal?.aborted === true) return;
      // Full since its file could not be written: it takes no more before that is done.
      if (this.#open.isFull) this.#seal();
      const fact = factOfEvent(event);
      if (fact !== undefined && "verdict" in fact) this.#open.add(fact.verdict);
      else if (fact !== undefined) this.#open.mark(fact.mark);
      this.#position = event.position;
      if (this.#open.isFull) this.#seal();
    }
    this.#files.expire(await this.#log.floor("traffic"));
  }

  #seal(): void {
    this.#files.append(this.#open.seal(), this.#position);
    this.#open = new SegmentBuilder();
  }
}
