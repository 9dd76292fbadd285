/** Remembers answers to lookups, absent ones too; the least recently used go first. */
export class BoundedCache<Value> {
  readonly #max: number;
  readonly #entries = new Map<string, { readonly value: Value | undefined }>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The remembered answer, or the one that `find` gives now. */
  get(key: string, find: () => Value | undefined): Value | undefined {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.value;
    }
    const value = find();
    this.#entries.set(key, { value });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#max && oldest !== undefined) this.#entries.delete(oldest);
    return value;
  }

  clear(): void {
    this.#entries.clear();
  }
}
