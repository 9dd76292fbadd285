import type { MailboxId, ResellerId, TenantId } from "@mailfold/kernel";
import { decay } from "./decay.ts";
import { type EvidenceKind, evidenceUnits, isMark } from "./evidence.ts";
import { learningLimits } from "./learning-settings.ts";

/** One evidence as kept by name with a sender. */
export interface Item {
  readonly id: string;
  readonly kind: EvidenceKind;
  readonly at: number;
  readonly halfLifeMs: number;
  /** Weight after the caps, fixed when it came. */
  readonly units: number;
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly reporter?: MailboxId;
  readonly onlyMailbox?: boolean;
  readonly message?: { readonly key: string; readonly at: number; readonly taken: boolean };
  /** A mark waits until a second reporter says the same; all else counts at once. */
  counted: boolean;
  /** The mark that made this one count has lost its name, so it counts for good. */
  settled?: true;
  /** Its message is counted as spam by evidence that has lost its name. */
  messageCounted?: true;
  /** Pardon that voided it. */
  voidedBy?: string;
}

/** Whether an item has a say at present. */
export const isLive = (item: Item): boolean => item.counted && item.voidedBy === undefined;

/** What is left of an item's weight, without its sign; of a mark's full weight, because one kept out by a cap is heard too. */
export function remaining(item: Item, at: number): number {
  const units = Math.abs(isMark(item.kind) ? evidenceUnits[item.kind] : item.units);
  return decay(units, Math.max(0, at - item.at), item.halfLifeMs);
}

/** A mark speaks for another one while a tenth of a point is left of its full weight. */
function isHeard(mark: Item, at: number): boolean {
  if (mark.voidedBy !== undefined) return false;
  return remaining(mark, at) >= learningLimits.forgottenBelowUnits;
}

/** Lets the mark at `index` count when another reporter of the tenant said the same, and that one with it. Says whether an earlier one changed. */
export function hearMark(items: readonly Item[], index: number): boolean {
  const mark = items[index];
  if (mark === undefined || !isMark(mark.kind) || mark.voidedBy !== undefined) return false;
  if (mark.onlyMailbox === true || mark.settled) mark.counted = true;
  let changed = false;
  for (let other = 0; other < index; other++) {
    const item = items[other];
    if (item === undefined || item.kind !== mark.kind || item.tenantId !== mark.tenantId) continue;
    if (item.reporter === mark.reporter || !isHeard(item, mark.at)) continue;
    mark.counted = true;
    if (!item.counted) changed = true;
    item.counted = true;
  }
  return changed;
}

/** Decides anew which marks count, after one was taken away: each as if those left had come alone. */
export function hearAllMarks(items: readonly Item[]): void {
  for (const item of items) if (isMark(item.kind)) item.counted = false;
  for (let index = 0; index < items.length; index++) hearMark(items, index);
}
