import { judgeDue } from "./judge-sender.ts";
import { learningLimits } from "./learning-settings.ts";
import type { Ledger, Reputation } from "./ledger.ts";
import type { ListingDecision } from "./listing.ts";
import { dropNames, isForgettable } from "./sender-record.ts";
import type { SubjectKey } from "./subjects.ts";

/**
 * Moves the fold's time forward: ends or renews listings whose end has come, in order of time, and once a day forgets
 * senders of whom next to nothing is left. Time comes from events alone, so that a replay decides the same.
 */
export function passTime(reputation: Reputation, at: number): ListingDecision[] {
  const before = reputation.now;
  const { stepMs, sweepMs } = learningLimits;
  reputation.now = believed(reputation, at, stepMs);
  const { now, forgets } = reputation;
  const decisions: ListingDecision[] = [];
  while (reputation.nextDueAt <= now) decisions.push(...judgeAllDue(reputation));
  if (before !== 0 && Math.floor(now / sweepMs) > Math.floor(before / sweepMs)) {
    for (const ledger of reputation.ledgers.values()) sweep(ledger, now, forgets);
  }
  return decisions;
}

/**
 * The fold's time after an event has told its own. A clock that ran ahead in one event must not end every listing: it takes a
 * second event to move time by more than a step.
 */
function believed(reputation: Reputation, at: number, stepMs: number): number {
  const { heardAt, now } = reputation;
  // What comes of one event tells one time, and does not confirm itself.
  if (at === heardAt) return now;
  reputation.heardAt = at;
  return now === 0 ? at : Math.max(now, Math.min(at, Math.max(now + stepMs, heardAt)));
}

interface Due {
  readonly ledger: Ledger;
  readonly key: SubjectKey;
  readonly dueAt: number;
}

const byTime = (one: Due, other: Due): number => one.dueAt - other.dueAt || compare(sortKey(one), sortKey(other));
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
const sortKey = ({ ledger, key }: Due): string => `${ledger.scope}/${key}`;

function judgeAllDue(reputation: Reputation): ListingDecision[] {
  const due: Due[] = [];
  reputation.nextDueAt = Number.POSITIVE_INFINITY;
  for (const ledger of reputation.ledgers.values()) {
    for (const key of ledger.listed) {
      const dueAt = ledger.records.get(key)?.listing?.dueAt ?? reputation.now;
      if (dueAt <= reputation.now) due.push({ ledger, key, dueAt });
      else reputation.nextDueAt = Math.min(reputation.nextDueAt, dueAt);
    }
  }
  return due.sort(byTime).flatMap(({ ledger, key, dueAt }) => {
    const record = ledger.records.get(key);
    if (!record?.listing) return [];
    return [judgeDue({ reputation, ledger, key, record, at: dueAt, because: String(dueAt) }, record.listing)];
  });
}

function sweep(ledger: Ledger, now: number, forgets: boolean): void {
  for (const [key, pardon] of ledger.pardons) if (pardon.untilAt <= now) ledger.pardons.delete(key);
  for (const [key, record] of ledger.records) {
    const [oldest] = record.items;
    if (oldest !== undefined && oldest.at <= now - learningLimits.itemAgeMs) dropNames(record, now);
    if (forgets && isForgettable(record, now)) ledger.records.delete(key);
  }
}
