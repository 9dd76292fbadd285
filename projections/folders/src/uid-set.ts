/** An inclusive range of UIDs. */
export type UidRange = readonly [low: number, high: number];

const uidMax = 0xffff_ffff;

/**
 * Ranges of an event's sequence-set (`3,7:9`), ascending and merged. Text that is no such set has no ranges:
 * an event is a fact already and cannot be refused for its shape.
 */
export function parseUidSet(text: string): readonly UidRange[] {
  const ranges: [number, number][] = [];
  for (const item of text.split(",")) {
    const colon = item.indexOf(":");
    const low = uidOf(colon < 0 ? item : item.slice(0, colon));
    const high = colon < 0 ? low : uidOf(item.slice(colon + 1));
    if (low === undefined || high === undefined) return [];
    ranges.push(low <= high ? [low, high] : [high, low]);
  }
  return mergeRanges(ranges);
}

/** Sorts ranges and joins those that touch or overlap. */
export function mergeRanges(ranges: readonly UidRange[]): readonly UidRange[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

/** The shortest sequence-set of ascending UIDs: `[1,2,3,7]` -> `1:3,7`. */
export function formatUidSet(uids: readonly number[]): string {
  const items: string[] = [];
  for (let i = 0; i < uids.length; ) {
    const low = uids[i] as number;
    let high = low;
    for (i += 1; i < uids.length && uids[i] === high + 1; i++) high += 1;
    items.push(low === high ? String(low) : `${low}:${high}`);
  }
  return items.join(",");
}

function uidOf(text: string): number | undefined {
  if (text.length === 0 || text.length > 10) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value >= 1 && value <= uidMax ? value : undefined;
}
