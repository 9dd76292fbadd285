import type { AffectedSender } from "./affected-senders.ts";
import type { RowOutcome } from "./judge-row.ts";

/** So many recorded verdicts went from one outcome to another, or stayed. */
export interface MatrixCell {
  readonly from: RowOutcome;
  readonly to: RowOutcome;
  readonly count: number;
}

/** One recorded verdict that the change turns, or that is in question. */
export interface SimulationSample {
  readonly verdictId: string;
  readonly at: number;
  readonly sender: string | undefined;
  readonly recipient: string | undefined;
  /** What was recorded. */
  readonly recorded: string;
  readonly reason: string;
  readonly from: RowOutcome;
  /** Undefined: undecidable. */
  readonly to: RowOutcome | undefined;
}

/** What a change would have done to recorded traffic. */
export interface SimulationResult {
  /** Verdicts looked at: those in the matrix and the undecidable ones. */
  readonly rows: number;
  readonly changed: number;
  readonly matrix: readonly MatrixCell[];
  readonly topAffected: readonly AffectedSender[];
  /** Counts of senders are exact; there were not too many of them. */
  readonly sendersAreExact: boolean;
  readonly samples: readonly SimulationSample[];
  /** Mail that its users had rescued and that the change would keep from them. */
  readonly conflicts: { readonly count: number; readonly samples: readonly SimulationSample[] };
  /** What the change asks for was never recorded. */
  readonly undecidable: number;
  /** Mail refused before DATA that the change would let come to be read. */
  readonly reachesData: number;
  /** Of the changed ones, those that the policy in force would judge otherwise than they were, even without the change. */
  readonly drifted: number;
}
