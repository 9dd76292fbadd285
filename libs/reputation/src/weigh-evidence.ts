import { type Evidence, type EvidenceKind, evidenceUnits } from "./evidence.ts";
import type { Item } from "./item.ts";
import { learningLimits } from "./learning-settings.ts";

const hourMs = 3_600_000;
const isReading = (kind: EvidenceKind): boolean => kind === "read" || kind === "replied";

/** Where and when evidence is weighed. */
export interface WeighingContext {
  readonly now: number;
  readonly halfLifeMs: number;
  /** The platform's list: no tenant has more than its part in it. */
  readonly isPlatform: boolean;
}

/**
 * What an evidence adds to a sender that has `items` already: its weight, or what the caps leave of it. In one half-life
 * a reporter counts 2 points and a tenant 3 towards the platform, for and against apart; reading counts 2 in a half-life,
 * unknown recipients count 1 in an hour.
 */
export function weighEvidence(evidence: Evidence, items: readonly Item[], context: WeighingContext): number {
  const full = evidenceUnits[evidence.kind];
  if (full === 0) return 0;
  const spentBy = (windowMs: number, isSame: (item: Item) => boolean): number => {
    let spent = 0;
    for (const item of items) {
      if (item.at <= context.now - windowMs || item.voidedBy !== undefined) continue;
      if (item.units > 0 === full > 0 && isSame(item)) spent += Math.abs(item.units);
    }
    return spent;
  };
  const { halfLifeMs } = context;
  let room = Math.abs(full);
  const narrow = (cap: number, windowMs: number, isSame: (item: Item) => boolean): void => {
    room = Math.min(room, Math.max(0, cap - spentBy(windowMs, isSame)));
  };
  const { reporter, kind, tenant } = evidence;
  if (reporter !== undefined) narrow(learningLimits.reporterUnits, halfLifeMs, (item) => item.reporter === reporter);
  if (context.isPlatform) narrow(learningLimits.tenantUnits, halfLifeMs, (item) => item.tenantId === tenant.tenantId);
  if (kind === "unknownRecipient") narrow(learningLimits.harvestUnits, hourMs, (item) => item.kind === kind);
  if (isReading(kind)) narrow(learningLimits.readUnits, halfLifeMs, (item) => isReading(item.kind));
  return full < 0 ? -room : room;
}
