const minuteMs = 60_000;
const minutesKept = 60;

/** One key's counts, oldest minute first. */
interface Slots {
  total: number;
  readonly minutes: number[];
  readonly counts: number[];
}

/** Counts within the last hour by key, exact to the minute. Bounded: beyond `keysMax` the key counted longest ago is forgotten. */
export class HourlyCounts {
  private readonly slots = new Map<string, Slots>();
  private readonly keysMax: number;

  constructor(keysMax: number) {
    this.keysMax = keysMax;
  }

  /** Counts once more, or `by` times; answers the new count. `at` in ms since the epoch. */
  add(key: string, at: number, by = 1): number {
    const slots = this.slots.get(key) ?? { total: 0, minutes: [], counts: [] };
    this.slots.delete(key);
    for (const oldest of this.slots.keys()) {
      if (this.slots.size < this.keysMax) break;
      this.slots.delete(oldest);
    }
    this.slots.set(key, slots);
    const last = slots.minutes.length - 1;
    // A clock that steps back counts on in the minute that it had reached.
    const minute = Math.max(minuteOf(at), slots.minutes[last] ?? 0);
    if (slots.minutes[last] === minute) slots.counts[last] = (slots.counts[last] ?? 0) + by;
    else {
      slots.minutes.push(minute);
      slots.counts.push(by);
    }
    slots.total += by;
    return dropOld(slots, at);
  }

  count(key: string, at: number): number {
    const slots = this.slots.get(key);
    return slots === undefined ? 0 : dropOld(slots, at);
  }
}

/** The minute since the epoch that an instant lies in. */
export function minuteOf(at: number): number {
  return Math.floor(at / minuteMs);
}

/** The oldest minute that still counts at an instant. */
export function oldestMinute(at: number): number {
  return minuteOf(at) - minutesKept + 1;
}

function dropOld(slots: Slots, at: number): number {
  const oldest = oldestMinute(at);
  while (slots.minutes.length > 0 && (slots.minutes[0] ?? 0) < oldest) {
    slots.minutes.shift();
    slots.total -= slots.counts.shift() ?? 0;
  }
  return slots.total;
}
