import { hasReached, type Position } from "@mailfold/kernel";

/** The later of two positions. */
export function later(a: Position, b: Position): Position {
  return hasReached(a, b) ? a : b;
}

/** The earliest of at least one position. */
export function earliest(positions: readonly Position[]): Position {
  const [first, ...rest] = positions;
  if (first === undefined) throw new Error("no positions");
  return rest.reduce((least, next) => (hasReached(next, least) ? least : next), first);
}
