/** Longer literals are looked for by their beginning: finding more than asked is allowed, finding less is not. */
const prefixCharactersMax = 24;
const rootSize = 128;

/**
 * Which of many literals occur in a text, in one pass over it (Aho-Corasick): time does not grow with their number.
 * Transitions lie in one open-addressed table, so that 5,000 literals stay below 6 MB.
 */
export class LiteralScanner {
  readonly #literals: number;
  readonly #slotMask: number;
  readonly #slotKeys: Float64Array;
  readonly #slotStates: Int32Array;
  readonly #root = new Int32Array(rootSize);
  readonly #fail: Int32Array;
  /** Literal that ends in a state, or -1; and the next state on the fail path in which one ends, or 0. */
  readonly #ends: Int32Array;
  readonly #nextEnd: Int32Array;

  /** Literals whose prefix is the same as another's: found with it. */
  readonly #same: Int32Array;

  /** `literals`: distinct, not empty, folded as the texts will be. */
  constructor(literals: readonly string[]) {
    const prefixes = literals.map((literal) => literal.slice(0, prefixCharactersMax));
    const states = 1 + prefixes.reduce((sum, prefix) => sum + prefix.length, 0);
    let slots = 64;
    while (slots < states * 2) slots *= 2;
    this.#literals = literals.length;
    this.#slotMask = slots - 1;
    this.#slotKeys = new Float64Array(slots).fill(-1);
    this.#slotStates = new Int32Array(slots);
    this.#fail = new Int32Array(states);
    this.#ends = new Int32Array(states).fill(-1);
    this.#nextEnd = new Int32Array(states);
    this.#link(this.#grow(prefixes));
    this.#same = sharedPrefixes(prefixes);
  }

  /** One octet a literal, 1 when it may occur in the text. */
  scan(text: string): Uint8Array {
    const found = new Uint8Array(this.#literals);
    let state = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      let next = this.#step(state, code);
      while (next === 0 && state !== 0) {
        state = this.#fail[state] as number;
        next = this.#step(state, code);
      }
      state = next;
      for (let end = state; end !== 0; end = this.#nextEnd[end] as number) {
        const literal = this.#ends[end] as number;
        if (literal >= 0) found[literal] = 1;
      }
    }
    for (let literal = 0; literal < this.#literals; literal += 1) {
      found[literal] = found[this.#same[literal] as number] as number;
    }
    return found;
  }

  #step(state: number, code: number): number {
    if (state === 0 && code < rootSize) return this.#root[code] as number;
    const key = state * 65_536 + code;
    for (let slot = this.#slotOf(state, code); ; slot = (slot + 1) & this.#slotMask) {
      const stored = this.#slotKeys[slot] as number;
      if (stored === key) return this.#slotStates[slot] as number;
      if (stored < 0) return 0;
    }
  }

  #slotOf(state: number, code: number): number {
    const mixed = Math.imul(state, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & this.#slotMask;
  }

  /** Builds the trie; answers its edges, parents before children level by level. */
  #grow(prefixes: readonly string[]): readonly (readonly [parent: number, code: number, state: number])[] {
    const levels: [number, number, number][][] = [];
    let count = 1;
    prefixes.forEach((prefix, literal) => {
      let state = 0;
      for (let at = 0; at < prefix.length; at += 1) {
        const code = prefix.charCodeAt(at);
        let next = this.#step(state, code);
        if (next === 0) {
          next = count;
          count += 1;
          this.#store(state, code, next);
          const level = levels[at] ?? [];
          levels[at] = level;
          level.push([state, code, next]);
        }
        state = next;
      }
      if (this.#ends[state] === -1) this.#ends[state] = literal;
    });
    return levels.flat();
  }

  #store(state: number, code: number, next: number): void {
    if (state === 0 && code < rootSize) this.#root[code] = next;
    let slot = this.#slotOf(state, code);
    while ((this.#slotKeys[slot] as number) >= 0) slot = (slot + 1) & this.#slotMask;
    this.#slotKeys[slot] = state * 65_536 + code;
    this.#slotStates[slot] = next;
  }

  #link(edges: readonly (readonly [parent: number, code: number, state: number])[]): void {
    for (const [parent, code, state] of edges) {
      let fallback = 0;
      for (let from = parent; from !== 0; ) {
        from = this.#fail[from] as number;
        fallback = this.#step(from, code);
        if (fallback !== 0) break;
      }
      this.#fail[state] = fallback;
      this.#nextEnd[state] = this.#ends[fallback] === -1 ? (this.#nextEnd[fallback] as number) : fallback;
    }
  }
}

function sharedPrefixes(prefixes: readonly string[]): Int32Array {
  const first = new Map<string, number>();
  return Int32Array.from(prefixes, (prefix, literal) => {
    const known = first.get(prefix);
    if (known !== undefined) return known;
    first.set(prefix, literal);
    return literal;
  });
}
