import type { Facts } from "../types.ts";
import { AffectedSenders } from "./affected-senders.ts";
import type { SegmentReader } from "./fact-segment.ts";
import { type RowOutcome, rowOutcomes } from "./judge-row.ts";
import type { MatrixCell, SimulationResult, SimulationSample } from "./simulation-result.ts";

const samplesPerCellMax = 5;
const samplesMax = 50;
const conflictSamplesMax = 20;
const topMax = 20;
const taking: ReadonlySet<RowOutcome> = new Set(["accept", "reaches-data"]);

interface Turn {
  readonly from: RowOutcome;
  readonly to: RowOutcome;
}

/** Counts of one segment's rows. */
export interface SegmentCounts {
  same(recorded: RowOutcome): void;
  undecided(row: number, recorded: RowOutcome): void;
  changed(row: number, recorded: RowOutcome, turn: Turn): void;
}

/** Counts what becomes of rows; memory does not grow with them. */
export class SimulationCounts {
  readonly #matrix = new Float64Array(64);
  readonly #senders = new AffectedSenders();
  readonly #samples: SimulationSample[] = [];
  readonly #sampled = new Map<string, number>();
  readonly #conflictSamples: SimulationSample[] = [];
  #conflicts = 0;
  #undecidable = 0;
  #reachesData = 0;
  #drifted = 0;
  #changed = 0;
  #rows = 0;

  /** Counts rows of a segment; `isRescued` tells mail that its users wanted, by verdict id. */
  over(reader: SegmentReader, isRescued: (verdictId: string) => boolean): SegmentCounts {
    return {
      same: (recorded) => this.#count(recorded, recorded),
      undecided: (row, recorded) => {
        this.#rows += 1;
        this.#undecidable += 1;
        this.#sample(reader, row, { from: recorded, to: undefined });
      },
      changed: (row, recorded, turn) => {
        const { from, to } = turn;
        this.#count(from, to);
        this.#changed += 1;
        if (from !== recorded && !(from === "reaches-data" && recorded === "accept")) this.#drifted += 1;
        if (to === "reaches-data") this.#reachesData += 1;
        const isBlocked = taking.has(from) && !taking.has(to);
        const isFreed = !taking.has(from) && taking.has(to);
        const sender = (reader.part("sender", row) as Facts["sender"])?.address;
        if (sender !== undefined) this.#senders.add(sender, isBlocked ? "blocked" : isFreed ? "freed" : "other");
        this.#sample(reader, row, turn);
        if (!isBlocked || !isRescued(reader.segment.verdictIds[row] as string)) return;
        this.#conflicts += 1;
        if (this.#conflictSamples.length < conflictSamplesMax) this.#conflictSamples.push(sampleOf(reader, row, turn));
      },
    };
  }

  result(): SimulationResult {
    return {
      rows: this.#rows,
      changed: this.#changed,
      matrix: this.#cells(),
      topAffected: this.#senders.top(topMax),
      sendersAreExact: this.#senders.isExact,
      samples: [...this.#samples],
      conflicts: { count: this.#conflicts, samples: [...this.#conflictSamples] },
      undecidable: this.#undecidable,
      reachesData: this.#reachesData,
      drifted: this.#drifted,
    };
  }

  #cells(): readonly MatrixCell[] {
    return rowOutcomes.flatMap((from, row) =>
      rowOutcomes.flatMap((to, column) => {
        const count = this.#matrix[row * 8 + column] as number;
        return count === 0 ? [] : [{ from, to, count }];
      }),
    );
  }

  #count(from: RowOutcome, to: RowOutcome): void {
    this.#rows += 1;
    const at = rowOutcomes.indexOf(from) * 8 + rowOutcomes.indexOf(to);
    this.#matrix[at] = (this.#matrix[at] as number) + 1;
  }

  #sample(reader: SegmentReader, row: number, turn: Omit<Turn, "to"> & { readonly to: RowOutcome | undefined }): void {
    if (this.#samples.length >= samplesMax) return;
    const cell = `${turn.from} ${turn.to}`;
    const known = this.#sampled.get(cell) ?? 0;
    if (known >= samplesPerCellMax) return;
    this.#sampled.set(cell, known + 1);
    this.#samples.push(sampleOf(reader, row, turn));
  }
}

function sampleOf(
  reader: SegmentReader,
  row: number,
  { from, to }: Omit<Turn, "to"> & { readonly to: RowOutcome | undefined },
): SimulationSample {
  const { action, reason } = reader.outcome(row);
  return {
    verdictId: reader.segment.verdictIds[row] as string,
    at: reader.segment.numbers.at[row] as number,
    sender: (reader.part("sender", row) as Facts["sender"])?.address,
    recipient: (reader.part("recipient", row) as Facts["recipient"])?.address,
    recorded: action,
    reason,
    from,
    to,
  };
}
