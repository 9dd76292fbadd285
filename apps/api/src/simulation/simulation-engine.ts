import type { ChangePlace, PolicyChange, PolicyChangeProblem, SimulationResult } from "@mailfold/policy";

/** What is tried, on which of the traffic; plain data. */
export interface SimulationRequest {
  readonly place: ChangePlace;
  readonly changes: readonly PolicyChange[];
  /** Milliseconds since the epoch; `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

/** How far a simulation is: verdicts looked at, of how many. */
export interface SimulationProgress {
  readonly rows: number;
  readonly rowsTotal: number;
}

/** What a simulation came to. */
export type SimulationOutcome =
  /** `policyEvent`: the last policy event of the policy that was compared with. */
  | {
      readonly result: SimulationResult;
      readonly policyEvent: string | undefined;
      /** Its time was up: the result is of the verdicts looked at until then, the oldest first. */
      readonly stopped?: true;
    }
  /** A change cannot be made on the policy in force. */
  | { readonly problem: PolicyChangeProblem }
  | { readonly cancelled: true };

/** Tries changes on recorded traffic, off this thread, one at a time. */
export interface SimulationEngine {
  /** Ends early, as cancelled, when the signal aborts, and as stopped after `deadlineMs`. Throws when it cannot go on; it may be tried again. */
  run(
    request: SimulationRequest,
    options: {
      readonly signal: AbortSignal;
      readonly deadlineMs: number;
      readonly progressed: (progress: SimulationProgress) => void;
    },
  ): Promise<SimulationOutcome>;
}
