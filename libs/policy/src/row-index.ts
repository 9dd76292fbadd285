const partBits = 6;
const firstSlots = 8;
const loadMax = 0.8;
const growth = 1.25;

interface Part {
  /** Row number + 1; 0 = free. */
  slots: Uint32Array;
  used: number;
}

function slotOf(hash: number, slots: number): number {
  // The first bits chose the part; the rest spread over its slots.
  return Math.floor((((hash << partBits) >>> 0) / 4_294_967_296) * slots);
}

/**
 * An open-addressing hash set of row numbers, about 6 octets a row: 32-bit hash of the key -> rows. Rows are never taken
 * out. It grows in 64 parts, each on its own, so that no single addition to a million rows has to move them all.
 * One walk at a time: `start` chooses the part that `next`, `rowAt` and `replace` then mean.
 */
export class RowIndex {
  readonly #parts: (Part | undefined)[] = new Array<undefined>(1 << partBits).fill(undefined);
  #walked: Uint32Array = noSlots;
  readonly #hashOf: (row: number) => number;

  /** `hashOf` answers the hash under which a row was added, for growing. */
  constructor(hashOf: (row: number) => number) {
    this.#hashOf = hashOf;
  }

  add(row: number, hash: number): void {
    const number = hash >>> (32 - partBits);
    let part = this.#parts[number];
    if (!part) {
      part = { slots: new Uint32Array(firstSlots), used: 0 };
      this.#parts[number] = part;
    }
    if (part.used + 1 > part.slots.length * loadMax) this.#grow(part);
    this.#place(part.slots, row, hash);
    part.used++;
  }

  /** First slot to look at for a hash; walk on with `next` until `rowAt` answers -1. */
  start(hash: number): number {
    this.#walked = this.#parts[hash >>> (32 - partBits)]?.slots ?? noSlots;
    return slotOf(hash, this.#walked.length);
  }
  next(slot: number): number {
    return slot + 1 === this.#walked.length ? 0 : slot + 1;
  }
  /** The row in a slot, -1 = none: the walk is over. */
  rowAt(slot: number): number {
    return (this.#walked[slot] ?? 0) - 1;
  }

  /** Puts another row of the same hash into a slot. */
  replace(slot: number, row: number): void {
    this.#walked[slot] = row + 1;
  }

  #place(slots: Uint32Array, row: number, hash: number): void {
    let slot = slotOf(hash, slots.length);
    while (slots[slot] !== 0) slot = slot + 1 === slots.length ? 0 : slot + 1;
    slots[slot] = row + 1;
  }

  #grow(part: Part): void {
    const bigger = new Uint32Array(Math.ceil(part.slots.length * growth));
    for (const stored of part.slots) if (stored !== 0) this.#place(bigger, stored - 1, this.#hashOf(stored - 1));
    part.slots = bigger;
  }
}

/** One free slot: what a walk over nothing sees. */
const noSlots = new Uint32Array(1);
