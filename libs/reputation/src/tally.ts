import { decay } from "./decay.ts";

/** Scores are integers of a thousand-millionth of a point, so that each weight is exact. */
export const pointUnits = 1_000_000_000;
/** Mail is counted in millionths, because counts decay as well. */
export const mailUnits = 1_000_000;

/**
 * A decaying sum as it stood at `at`. It carries the half-life in force at the event that changed it last and decays by
 * that until the next one: its value at any later time is known without any further event.
 */
export interface Tally {
  readonly value: number;
  readonly at: number;
  readonly halfLifeMs: number;
}

export const emptyTally: Tally = { value: 0, at: 0, halfLifeMs: 1 };

/** The sum at a time, ms; at its own time for any earlier one. */
export function tallyAt(tally: Tally, at: number): number {
  return at <= tally.at ? tally.value : decay(tally.value, at - tally.at, tally.halfLifeMs);
}

/** Adds (or takes off) units at a time, never below 0 nor above `cap` units. */
export function addScore(tally: Tally, added: { at: number; units: number; halfLifeMs: number; cap: number }): Tally {
  const at = Math.max(tally.at, added.at);
  const value = Math.min(added.cap, Math.max(0, tallyAt(tally, at) + added.units));
  return { value, at, halfLifeMs: added.halfLifeMs };
}

/** Counts one mail of time `mailAt` at the time `at` >= mailAt: an old mail counts as much as if counted in its time. */
export function countMail(tally: Tally, mailAt: number, at: number, halfLifeMs: number): Tally {
  const now = Math.max(tally.at, at);
  const added = decay(mailUnits, Math.max(0, now - mailAt), halfLifeMs);
  const value = Math.min(Number.MAX_SAFE_INTEGER, tallyAt(tally, now) + added);
  return { value, at: now, halfLifeMs };
}
