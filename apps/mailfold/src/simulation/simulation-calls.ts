import type { SimulationOutcome, SimulationProgress, SimulationRequest } from "@mailfold/app-api";

/** To the simulation's thread. */
export type SimulationOrder =
  | { readonly simulate: SimulationRequest; readonly number: number; readonly deadlineMs: number }
  | { readonly cancel: number }
  | { readonly close: true };

/** From the simulation's thread. */
export type SimulationMessage =
  | { readonly number: number; readonly progress: SimulationProgress }
  | { readonly number: number; readonly outcome: SimulationOutcome }
  | { readonly number: number; readonly fault: string }
  | { readonly warning: string; readonly error?: string }
  | { readonly ended: true };

/** What the thread is started with. Plain data. */
export interface SimulationWorkerData {
  readonly dataDir: string;
  /** `embedded`, or a connection string. */
  readonly eventStore: string;
}
