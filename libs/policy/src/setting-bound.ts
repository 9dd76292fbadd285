import type { SettingBound, SettingValue } from "@mailfold/domain";
import type { SettingDefinition } from "./setting-definition.ts";

/** How a setting can be bounded: numbers by a range, words by a choice, lists and objects not at all. */
export type BoundKind = "range" | "choice" | "none";

/** What kind of bound a setting takes, by the type of its values. */
export function boundKindOf(definition: Pick<SettingDefinition, "defaultValue">): BoundKind {
  switch (typeof definition.defaultValue) {
    case "number":
      return "range";
    case "string":
    case "boolean":
      return "choice";
    default:
      return "none";
  }
}

/** A number by its size: where 0 says "no limit", it is the largest of all. */
function sizeOf(value: number, zeroIsUnlimited: boolean): number {
  return zeroIsUnlimited && value === 0 ? Number.POSITIVE_INFINITY : value;
}

/** The number nearest to a value within a range. A range that is empty has its lower end for all. */
export function clampNumber(value: number, bound: SettingBound, zeroIsUnlimited: boolean): number {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bound;
  const size = Math.max(Math.min(sizeOf(value, zeroIsUnlimited), max), min);
  return size === Number.POSITIVE_INFINITY ? 0 : size;
}

/** Whether a value may be chosen under a bound. */
export function isWithin(value: SettingValue, bound: SettingBound, zeroIsUnlimited: boolean): boolean {
  if (typeof value === "number" && (bound.min !== undefined || bound.max !== undefined)) {
    const size = sizeOf(value, zeroIsUnlimited);
    return size >= (bound.min ?? Number.NEGATIVE_INFINITY) && size <= (bound.max ?? Number.POSITIVE_INFINITY);
  }
  return bound.allowed === undefined || bound.allowed.some((allowed) => allowed === value);
}

/** Two bounds at once; where they exclude each other, the wider scope's counts. */
export function narrowBound(wider: SettingBound | undefined, narrower: SettingBound): SettingBound {
  if (wider === undefined) return narrower;
  const into = (value: number | undefined) => (value === undefined ? undefined : clampNumber(value, wider, false));
  const min = into(narrower.min) ?? wider.min;
  const max = into(narrower.max) ?? wider.max;
  const { allowed = narrower.allowed } = wider;
  const both = allowed?.filter((value) => narrower.allowed === undefined || narrower.allowed.includes(value));
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(both === undefined ? {} : { allowed: both }),
  };
}

/** A bound in words: what may be chosen. */
export function describeBound({ min, max, allowed }: SettingBound): string {
  if (allowed !== undefined) return allowed.length === 0 ? "nothing" : `one of ${allowed.join(", ")}`;
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}
