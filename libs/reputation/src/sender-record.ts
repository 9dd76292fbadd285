import { type Evidence, isMark, saysSpam } from "./evidence.ts";
import { hearAllMarks, hearMark, type Item, isLive, remaining } from "./item.ts";
import { learningLimits } from "./learning-settings.ts";
import type { Listing } from "./listing.ts";
import type { MailSample } from "./spam-share.ts";
import { changesEarlier, emptySums, foldItems, foldLast, forgetNames, type Sums } from "./sums.ts";
import { emptyTally, mailUnits, type Tally, tallyAt } from "./tally.ts";
import { type WeighingContext, weighEvidence } from "./weigh-evidence.ts";

/** All that one scope knows of one sender. Owned and changed by the fold. */
export interface SenderRecord {
  /** Mail taken from it. */
  accepted: Tally;
  /** What evidence without a name added up to. */
  base: Sums;
  /** base and items together. */
  sums: Sums;
  items: Item[];
  /** How many evidences lost their name. */
  nameless: number;
  listing?: Listing;
}

/** A sender of whom nothing is known. */
export function newRecord(): SenderRecord {
  return { accepted: emptyTally, base: emptySums, sums: emptySums, items: [], nameless: 0 };
}

/** The sender's mail and the spam among it, in mailUnits, at a time. Spam is never more than the mail. */
export function sampleAt(record: SenderRecord, at: number): MailSample {
  const spam = tallyAt(record.sums.spam, at);
  const mail = tallyAt(record.accepted, at) + tallyAt(record.sums.refused, at);
  return { mail: Math.max(mail, spam), spam };
}

/** Adds evidence; answers why it did not count, or undefined when it did. */
export function addEvidence(
  record: SenderRecord,
  evidence: Evidence,
  context: WeighingContext,
): "repeated" | "capped" | undefined {
  if (record.items.some((item) => item.id === evidence.id)) return "repeated";
  const hasReplaced = isMark(evidence.kind) && takeBackMark(record, evidence);
  const units = weighEvidence(evidence, record.items, context);
  const isKept = units !== 0 || isMark(evidence.kind) || saysSpam(evidence.kind);
  if (isKept) record.items.push(itemOf(evidence, units, context));
  const hasWoken = isKept && hearMark(record.items, record.items.length - 1);
  if (hasReplaced) hearAllMarks(record.items);
  if (record.items.length > learningLimits.itemsMax) dropNames(record, context.now);
  else if (hasReplaced || hasWoken || (isKept && changesEarlier(record.items))) recompute(record);
  else if (isKept) record.sums = foldLast(record.sums, record.items);
  return isKept ? undefined : "capped";
}

function itemOf(evidence: Evidence, units: number, context: WeighingContext): Item {
  const { id, kind, tenant, reporter, message } = evidence;
  return {
    id,
    kind,
    units,
    at: context.now,
    halfLifeMs: context.halfLifeMs,
    tenantId: tenant.tenantId,
    resellerId: tenant.resellerId,
    ...(reporter === undefined ? {} : { reporter }),
    ...(tenant.onlyMailbox ? { onlyMailbox: true } : {}),
    ...(message === undefined ? {} : { message }),
    counted: !isMark(kind),
  };
}

/** A mailbox has one live mark on a message: a new one takes the former back. */
function takeBackMark(record: SenderRecord, { reporter, message }: Evidence): boolean {
  const before = record.items.length;
  record.items = record.items.filter(
    (item) => !(isMark(item.kind) && item.reporter === reporter && item.message?.key === message?.key),
  );
  return record.items.length < before;
}

/** Adds all items up anew. */
function recompute(record: SenderRecord): void {
  record.sums = foldItems(record.base, record.items);
}

/** Takes names from old and surplus items; their weight stays. */
export function dropNames(record: SenderRecord, now: number): void {
  const { base, kept } = forgetNames(record.base, record.items, now);
  record.nameless += record.items.length - kept.length;
  record.base = base;
  record.items = kept;
  recompute(record);
}

/** Changes which items are void; answers whether any was changed. `change` answers the pardon that voids an item, if any. */
export function changeVoid(record: SenderRecord, change: (item: Item) => string | undefined): boolean {
  let changed = false;
  for (const item of record.items) {
    const voidedBy = change(item);
    if (voidedBy === item.voidedBy) continue;
    changed = true;
    if (voidedBy === undefined) delete item.voidedBy;
    else item.voidedBy = voidedBy;
  }
  if (!changed) return false;
  hearAllMarks(record.items);
  recompute(record);
  return true;
}

/** Whether so little is left of a sender that forgetting it cannot matter: policy's rule, and no mark that still waits for a second one. */
export function isForgettable(record: SenderRecord, now: number): boolean {
  if (record.listing !== undefined || isClearlyAlive(record, now)) return false;
  if (tallyAt(record.sums.score, now) >= learningLimits.forgottenBelowUnits) return false;
  if (sampleAt(record, now).mail >= mailUnits) return false;
  const left = record.items.reduce((sum, item) => sum + remaining(item, now), 0);
  return left < learningLimits.forgottenBelowUnits;
}

/** A cheap look before the exact one: after n half-lives and a part, at least the (n + 1)th half is left. */
function isClearlyAlive({ accepted }: SenderRecord, now: number): boolean {
  const halves = Math.floor(Math.max(0, now - accepted.at) / accepted.halfLifeMs) + 1;
  return accepted.value > (mailUnits + 1) * 2 ** halves;
}

/** Tenants and resellers whose live evidence still weighs against the sender. */
export function accusers(record: SenderRecord, now: number): { readonly tenants: number; readonly resellers: number } {
  const tenants = new Set<string>();
  const resellers = new Set<string>();
  for (const item of record.items) {
    if (item.units <= 0 || !isLive(item) || tenants.has(item.tenantId)) continue;
    if (remaining(item, now) < learningLimits.forgottenBelowUnits) continue;
    tenants.add(item.tenantId);
    resellers.add(item.resellerId);
  }
  return { tenants: tenants.size, resellers: resellers.size };
}
