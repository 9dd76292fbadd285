const buckets = 256;

function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % buckets;
}

/** An immutable map by scope id. A changed copy shares all buckets but one, so 100,000 scopes can be folded event by event. */
export class ScopeMap<V> {
  readonly #buckets: readonly (ReadonlyMap<string, V> | undefined)[];

  constructor(content: readonly (ReadonlyMap<string, V> | undefined)[] = []) {
    this.#buckets = content;
  }

  get(scopeId: string): V | undefined {
    return this.#buckets[bucketOf(scopeId)]?.get(scopeId);
  }

  /** A copy with the value under the scope id; undefined takes it out. */
  with(scopeId: string, value: V | undefined): ScopeMap<V> {
    const at = bucketOf(scopeId);
    const bucket = new Map(this.#buckets[at]);
    if (value === undefined) bucket.delete(scopeId);
    else bucket.set(scopeId, value);
    const copy = this.#buckets.length === 0 ? new Array<undefined>(buckets).fill(undefined) : this.#buckets.slice();
    copy[at] = bucket;
    return new ScopeMap(copy);
  }

  *values(): IterableIterator<V> {
    for (const bucket of this.#buckets) if (bucket) yield* bucket.values();
  }
}
