import type { Judged } from "./judge.ts";

const takenActions: ReadonlySet<string> = new Set(["accept", "junk", "quarantine", "discard"]);

/** What the end of DATA answers for all recipients together. */
export type Combined =
  | { readonly kind: "take" }
  /** Nothing is stored; this recipient's verdict is the reply. */
  | { readonly kind: "refuse"; readonly by: Judged };

/**
 * One answer for many recipients (architecture 7.4): all reject -> reject; none taken and any defer -> defer; else taken, and
 * each refused local copy is held. A relayed copy has no mailbox that could hold it, so its refusal refuses the whole.
 */
export function combineVerdicts(judged: readonly Judged[]): Combined {
  const refused = judged.filter((each) => !takenActions.has(each.verdict.action));
  if (refused.length === 0) return { kind: "take" };
  const deferred = refused.find((each) => each.verdict.action === "defer");
  const decisive = deferred ?? refused[0];
  if (decisive === undefined) return { kind: "take" };
  if (refused.length === judged.length) return { kind: "refuse", by: decisive };
  const relay = refused.find((each) => each.facts.recipient?.found.kind !== "local");
  return relay === undefined ? { kind: "take" } : { kind: "refuse", by: relay };
}
