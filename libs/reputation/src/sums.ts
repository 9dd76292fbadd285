import { isMark, saysSpam } from "./evidence.ts";
import { type Item, isLive } from "./item.ts";
import { learningLimits } from "./learning-settings.ts";
import { addScore, countMail, emptyTally, type Tally } from "./tally.ts";

/** What evidence adds up to: the score; mail known to be spam; mail that was refused for its content, hence never taken. */
export interface Sums {
  readonly score: Tally;
  readonly spam: Tally;
  readonly refused: Tally;
}
export const emptySums: Sums = { score: emptyTally, spam: emptyTally, refused: emptyTally };

/** Messages that a user says are not spam: their other evidence makes them no spam mail, whatever its points. */
function rescuedMessages(items: readonly Item[]): ReadonlySet<string> {
  const rescued = new Set<string>();
  for (const item of items) {
    if (item.kind === "userNotSpam" && item.voidedBy === undefined && item.message) rescued.add(item.message.key);
  }
  return rescued;
}

/** Adds the items, in their order, to what the nameless ones before them added up to. */
export function foldItems(base: Sums, items: readonly Item[]): Sums {
  const rescued = rescuedMessages(items);
  const counted = new Set<string>();
  let sums = base;
  for (const item of items) {
    if (!isLive(item)) continue;
    sums = addItem(
      sums,
      item,
      item.message === undefined || rescued.has(item.message.key) || counted.has(item.message.key),
    );
    if (item.message && saysSpam(item.kind)) counted.add(item.message.key);
  }
  return sums;
}

/** Adds one item that came last. `messageKnown`: its message is counted already, or is no spam. */
function addItem(sums: Sums, item: Item, messageKnown: boolean): Sums {
  const { at, units, halfLifeMs, message } = item;
  const score =
    units === 0 ? sums.score : addScore(sums.score, { at, units, halfLifeMs, cap: learningLimits.capUnits });
  if (message === undefined || messageKnown || item.messageCounted || !saysSpam(item.kind)) return { ...sums, score };
  const spam = countMail(sums.spam, message.at, at, halfLifeMs);
  const refused = message.taken ? sums.refused : countMail(sums.refused, message.at, at, halfLifeMs);
  return { score, spam, refused };
}

/** Adds the last of `items` to the sums of those before it; the same as foldItems over all. */
export function foldLast(sums: Sums, items: readonly Item[]): Sums {
  const item = items.at(-1);
  if (item === undefined || !isLive(item)) return sums;
  const key = item.message?.key;
  const isKnown =
    key !== undefined &&
    items.some(
      (other) =>
        other !== item && other.message?.key === key && (isRescue(other) || (isLive(other) && saysSpam(other.kind))),
    );
  return addItem(sums, item, key === undefined || isKnown);
}

const isRescue = (item: Item): boolean => item.kind === "userNotSpam" && item.voidedBy === undefined;

/** Whether an item that came last changes what earlier ones add up to: the word "not spam" on a message counted before. */
export function changesEarlier(items: readonly Item[]): boolean {
  const item = items.at(-1);
  if (item === undefined || item.message === undefined || !isMark(item.kind)) return false;
  const { key } = item.message;
  return item.kind === "userNotSpam" && items.some((other) => other !== item && other.message?.key === key);
}

/**
 * Takes names from the items that matter least: those older than evidence is kept, then those without weight, then the
 * oldest. What they added stays in the base. Answers the new base and the items that keep their names.
 */
export function forgetNames(base: Sums, items: readonly Item[], now: number): { base: Sums; kept: Item[] } {
  const isOld = (item: Item): boolean => item.at <= now - learningLimits.itemAgeMs;
  const excess = items.length > learningLimits.itemsMax ? Math.floor(learningLimits.itemsMax / 4) : 0;
  const byNeed = items.map((item, index) => ({ item, index, rank: isOld(item) ? 0 : item.units === 0 ? 1 : 2 }));
  byNeed.sort((one, other) => one.rank - other.rank || one.index - other.index);
  const old = byNeed.filter(({ rank }) => rank === 0).length;
  const going = new Set(byNeed.slice(0, Math.max(old, excess)).map(({ item }) => item));
  if (going.size === 0) return { base, kept: [...items] };
  const rescued = rescuedMessages(items);
  const leaving = items.filter((item) => going.has(item));
  const kept = items.filter((item) => !going.has(item));
  const carried = new Set<string>();
  let sums = base;
  for (const item of leaving) {
    if (!isLive(item)) continue;
    const key = item.message?.key;
    sums = addItem(sums, item, key === undefined || rescued.has(key) || carried.has(key));
    if (key !== undefined && saysSpam(item.kind)) carried.add(key);
  }
  const rescuedBefore = rescuedMessages(leaving);
  const speaksFor = (gone: Item, item: Item): boolean =>
    gone.kind === item.kind && gone.tenantId === item.tenantId && isLive(gone);
  for (const item of kept) {
    const key = item.message?.key ?? "";
    if (carried.has(key) || rescuedBefore.has(key)) item.messageCounted = true;
    if (isMark(item.kind) && item.counted && leaving.some((gone) => speaksFor(gone, item))) item.settled = true;
  }
  return { base: sums, kept };
}
