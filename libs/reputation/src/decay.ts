import { assert } from "@mailfold/kernel";

const tableBits = 62n;
const workBits = 128n;
/** Fractions of a half-life are cut to 40 bits, read as five digits of a table of 256 entries each. */
const fractionBits = 40n;
const digits = 5;
/** After so many half-lives nothing is left of any value this fold can hold (below 2^53). */
const halfLivesMax = 64;

/** Integer square root by Newton's method: exact, unlike Math.pow, hence the same on every machine. */
function squareRoot(square: bigint): bigint {
  let root = 1n << BigInt((square.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** tables[d][i] = 2^(-i / 256^(d+1)), in units of 2^-62. */
function buildTables(): readonly (readonly bigint[])[] {
  const one = 1n << workBits;
  const roots: bigint[] = []; // roots[k] = 2^(-1 / 2^(k+1))
  let power = one >> 1n;
  for (let bit = 0; bit < digits * 8; bit++) {
    power = squareRoot(power << workBits);
    roots.push(power);
  }
  return Array.from({ length: digits }, (_digit, digit) =>
    Array.from({ length: 256 }, (_entry, entry) => {
      let value = one;
      for (let bit = 0; bit < 8; bit++) {
        const root = roots[digit * 8 + bit] ?? one;
        if ((entry & (0x80 >> bit)) !== 0) value = (value * root) >> workBits;
      }
      return (value + (1n << (workBits - tableBits - 1n))) >> (workBits - tableBits);
    }),
  );
}
const tables = buildTables();

/**
 * What is left of `value` (an integer of any unit, at most 2^53) after `elapsedMs` with the given half-life, as an
 * integer of the same unit. Integers alone: two replays agree bit for bit. It differs from value * 2^(-elapsed/halfLife)
 * by at most half a unit plus value * 2^-40, and never rises as time passes.
 */
export function decay(value: number, elapsedMs: number, halfLifeMs: number): number {
  assert(Number.isSafeInteger(elapsedMs) && elapsedMs >= 0, "time that passed is a whole number of ms");
  if (value === 0 || elapsedMs === 0) return value;
  if (elapsedMs >= halfLivesMax * halfLifeMs) return 0;
  const halves = Math.floor(elapsedMs / halfLifeMs);
  const fraction = Number((BigInt(elapsedMs - halves * halfLifeMs) << fractionBits) / BigInt(halfLifeMs));
  let factor = 1n << tableBits;
  for (let digit = 0; digit < digits; digit++) {
    const entry = Math.floor(fraction / 2 ** (8 * (digits - 1 - digit))) % 256;
    if (entry !== 0) factor = (factor * (tables[digit]?.[entry] ?? 0n)) >> tableBits;
  }
  const shift = tableBits + BigInt(halves);
  return Number((BigInt(value) * factor + (1n << (shift - 1n))) >> shift);
}

/** The least time in ms after which decay(value) is below `floor` (both in the same unit); 0 when it is already. */
export function decaysBelow(value: number, floor: number, halfLifeMs: number): number {
  assert(floor > 0, "a value never decays below nothing");
  if (value < floor) return 0;
  let above = 0;
  let below = halfLivesMax * halfLifeMs;
  while (below - above > 1) {
    const middle = Math.floor((above + below) / 2);
    if (decay(value, middle, halfLifeMs) < floor) below = middle;
    else above = middle;
  }
  return below;
}
