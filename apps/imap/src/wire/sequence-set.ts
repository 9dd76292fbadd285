/** Ranges as written; `*` is the largest number in use (RFC 3501 section 9, seq-range). */
export interface SequenceSet {
  readonly ranges: readonly (readonly [low: number | "*", high: number | "*"])[];
}

/** Reads `1,3:5,7:*`; undefined when it is no sequence set. */
export function sequenceSetOf(text: string): SequenceSet | undefined {
  const ranges: [number | "*", number | "*"][] = [];
  for (const item of text.split(",")) {
    const [low, high, more] = item.split(":", 3).map(numberOf);
    if (low === undefined || more !== undefined || (item.includes(":") && high === undefined)) return undefined;
    ranges.push([low, high ?? low]);
  }
  return { ranges };
}

/** Ranges with `*` put in as `largest`, each low first, ascending and merged. */
export function resolveRanges(set: SequenceSet, largest: number): (readonly [number, number])[] {
  const resolved = set.ranges.map(([a, b]): [number, number] => {
    const low = a === "*" ? largest : a;
    const high = b === "*" ? largest : b;
    return low <= high ? [low, high] : [high, low];
  });
  resolved.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const range of resolved) {
    const last = merged.at(-1);
    if (last !== undefined && range[0] <= last[1] + 1) last[1] = Math.max(last[1], range[1]);
    else merged.push(range);
  }
  return merged;
}

function numberOf(text: string): number | "*" | undefined {
  if (text === "*") return "*";
  if (!/^[1-9]\d{0,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffff_ffff ? value : undefined;
}
