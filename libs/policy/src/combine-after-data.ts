import { assert } from "@mailfold/kernel";
import type { Verdict } from "./types.ts";

/** What becomes of one recipient's copy. `refuse`: the client was told so, nothing is stored. */
export type Disposition = "deliver" | "relay" | "junk" | "quarantine" | "discard" | "hold" | "refuse";

/** The one reply to DATA, and what to do with each recipient's copy. */
export interface DataReply {
  readonly action: "accept" | "defer" | "reject";
  readonly code: number;
  readonly enhancedCode: string;
  readonly text: string;
  /** Index of the verdict whose reply and reference are given; undefined when accepted. */
  readonly decisiveIndex?: number;
  /** In the order of the verdicts. */
  readonly dispositions: readonly Disposition[];
}

function dispositionOf(verdict: Verdict): Disposition {
  switch (verdict.action) {
    case "accept":
      return verdict.route === "relay" ? "relay" : "deliver";
    case "reject":
      return "quarantine";
    case "defer":
      return "hold";
    default:
      return verdict.action;
  }
}

/**
 * Combines the recipients' verdicts of the data phase (architecture.md 7.4): all reject = 5xx; none taken and any defer
 * = 4xx; else 250, each rejecting recipient's copy is quarantined and each deferring one held and judged again.
 */
export function combineAfterData(verdicts: readonly Verdict[]): DataReply {
  assert(verdicts.length > 0, "DATA without a recipient");
  const taken = verdicts.some((verdict) => verdict.action !== "reject" && verdict.action !== "defer");
  if (taken) {
    return {
      action: "accept",
      code: 250,
      enhancedCode: "2.0.0",
      text: "OK",
      dispositions: verdicts.map(dispositionOf),
    };
  }
  const firstDefer = verdicts.findIndex((verdict) => verdict.action === "defer");
  const decisiveIndex = Math.max(firstDefer, 0);
  const { code, enhancedCode, text } = verdicts[decisiveIndex] as Verdict;
  const dispositions = verdicts.map((): Disposition => "refuse");
  return { action: firstDefer < 0 ? "reject" : "defer", code, enhancedCode, text, decisiveIndex, dispositions };
}
