import type { Brand } from "./ids.ts";

/**
 * An event's place in the whole log: the one cursor used everywhere. Opaque; within one log it orders as a string
 * compares (each adapter writes fixed-width text). Gaps are normal.
 */
export type Position = Brand<"Position">;

/** Before every event. Orders before any position an adapter hands out. */
export const startOfLog = "" as Position;

/** Whether `a` is at or beyond `b`. */
export function hasReached(a: Position, b: Position): boolean {
  return a >= b;
}
