import type { PolicyState } from "../policy-state.ts";
import { settingDefinition } from "../setting-definitions.ts";

/** Sorted numbers between which comparing with any of them tells nothing apart. */
export type Breakpoints = Float64Array;

function sorted(numbers: Iterable<number>): Breakpoints {
  return Float64Array.from(new Set(numbers)).sort();
}

/** Every number that a setting or a bound of it has anywhere in some policies, its default included. */
export function breakpointsOf(states: readonly PolicyState[], setting: string): Breakpoints {
  const numbers = new Set<number>();
  const note = (value: unknown): void => {
    if (typeof value === "number") numbers.add(value);
  };
  note(settingDefinition(setting)?.defaultValue);
  for (const state of states) {
    for (const { limits, values } of state.settings.values()) {
      note(values.get(setting)?.value);
      const limit = limits?.get(setting)?.limit;
      if (limit === undefined || limit.locked === true) continue;
      note(limit.min);
      note(limit.max);
    }
  }
  return sorted(numbers);
}

/** Sorted instants. */
export function instants(of: Iterable<number>): Breakpoints {
  return sorted(of);
}

/** How many breakpoints lie below a value; absent (NaN) = -1. */
export function countBelow(points: Breakpoints, value: number): number {
  return place(points, value, (point) => point < value);
}

/** How many breakpoints a value has reached; absent (NaN) = -1. */
export function countReached(points: Breakpoints, value: number): number {
  return place(points, value, (point) => point <= value);
}

function place(points: Breakpoints, value: number, isPassed: (point: number) => boolean): number {
  if (Number.isNaN(value)) return -1;
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isPassed(points[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}
