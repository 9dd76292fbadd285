import { assert } from "@mailfold/kernel";
import type { Verdict } from "./types.ts";

/** One recipient's verdict of the data phase. A local copy can be held in its tenant's quarantine, a relayed one nowhere. */
export interface JudgedCopy {
  readonly verdict: Verdict;
  readonly isLocal: boolean;
}

/** The one answer to DATA. */
export type DataAnswer =
  /** 250: each rejected local copy goes to quarantine, each deferred one is held and judged again. */
  | { readonly kind: "take" }
  /** Nothing is stored; the verdict at `by` is the reply. */
  | { readonly kind: "refuse"; readonly by: number };

const refusing: ReadonlySet<Verdict["action"]> = new Set(["reject", "defer"]);

/**
 * Combines the recipients' verdicts (architecture.md 7.4): all reject = 5xx; none taken and any defer = 4xx; else 250. A
 * relayed copy has no mailbox that could hold it, so its refusal refuses the whole.
 */
export function combineAfterData(copies: readonly JudgedCopy[]): DataAnswer {
  assert(copies.length > 0, "DATA without a recipient");
  const isRefused = ({ verdict }: JudgedCopy) => refusing.has(verdict.action);
  const deferred = copies.findIndex(({ verdict }) => verdict.action === "defer");
  if (copies.every(isRefused)) return { kind: "refuse", by: Math.max(deferred, 0) };
  const relay = copies.findIndex((copy) => isRefused(copy) && !copy.isLocal);
  return relay < 0 ? { kind: "take" } : { kind: "refuse", by: relay };
}
