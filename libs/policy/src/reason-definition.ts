import type { Action, Phase } from "./types.ts";

/** A named reason of a verdict: its reply, and what to tell the administrator who looks it up. */
export interface ReasonDefinition {
  readonly action: Action;
  readonly code: number;
  /** RFC 3463 code. */
  readonly enhancedCode: string;
  /** Reply text; the edge adds the reference. */
  readonly text: string;
  readonly phase: Phase | "any";
  readonly meaning: string;
  /** What an administrator can do about it. */
  readonly remedy: string;
}
