const firstSlots = 32;
const loadMax = 0.7;
const growth = 1.45;

/** An open-addressing hash set of row numbers: 32-bit hash of the key -> rows, about 7 octets a row. Rows are never taken out. */
export class RowIndex {
  /** Row number + 1; 0 = free. */
  #slots = new Uint32Array(firstSlots);
  #used = 0;
  readonly #hashOf: (row: number) => number;

  /** `hashOf` answers the hash under which a row was added, for growing. */
  constructor(hashOf: (row: number) => number) {
    this.#hashOf = hashOf;
  }

  add(row: number, hash: number): void {
    if (this.#used + 1 > this.#slots.length * loadMax) this.#grow();
    this.#place(this.#slots, row, hash);
    this.#used++;
  }

  /** First slot to look at for a hash; walk on with `next` until `rowAt` answers -1. */
  start(hash: number): number {
    return Math.floor((hash / 4_294_967_296) * this.#slots.length);
  }
  next(slot: number): number {
    return slot + 1 === this.#slots.length ? 0 : slot + 1;
  }
  /** The row in a slot, -1 = none: the walk is over. */
  rowAt(slot: number): number {
    return (this.#slots[slot] ?? 0) - 1;
  }

  /** Puts another row of the same hash into a slot. */
  replace(slot: number, row: number): void {
    this.#slots[slot] = row + 1;
  }

  #place(slots: Uint32Array, row: number, hash: number): void {
    let slot = Math.floor((hash / 4_294_967_296) * slots.length);
    while (slots[slot] !== 0) slot = slot + 1 === slots.length ? 0 : slot + 1;
    slots[slot] = row + 1;
  }

  #grow(): void {
    const bigger = new Uint32Array(Math.ceil(this.#slots.length * growth));
    for (const stored of this.#slots) if (stored !== 0) this.#place(bigger, stored - 1, this.#hashOf(stored - 1));
    this.#slots = bigger;
  }
}
