import { isInboxTree } from "./listing.ts";

/** Longest pattern taken: matching costs at most pattern x name. */
export const patternLengthMax = 512;

/**
 * LIST pattern of RFC 3501 section 6.3.8: `*` matches anything, `%` anything but the delimiter; INBOX in any case. Follows
 * all ways to match at once, one bit for each place in the pattern, so no pattern makes it slow.
 */
export class ListPattern {
  /** Bit i is set where the pattern's character i is this one. */
  readonly #places = new Map<string, bigint>();
  readonly #any: bigint;
  readonly #withinLevel: bigint;
  readonly #end: bigint;

  constructor(written: string) {
    // No two wildcards side by side: a wildcard that matches nothing leads to a character or the end.
    const pattern = written.replace(/[*%]{2,}/g, (run) => (run.includes("*") ? "*" : "%"));
    for (let at = 0; at < pattern.length; at++) {
      const char = pattern[at] as string;
      this.#places.set(char, this.#place(char) | (1n << BigInt(at)));
    }
    this.#any = this.#place("*");
    this.#withinLevel = this.#place("%");
    this.#end = 1n << BigInt(pattern.length);
  }

  matches(name: string): boolean {
    return (this.#walk(name, () => {}) & this.#end) !== 0n;
  }

  /** Levels above the name that the pattern matches, outermost first. */
  superiorsOf(name: string): string[] {
    const superiors: string[] = [];
    this.#walk(name, (at, states) => {
      if (name[at] === "/" && (states & this.#end) !== 0n) superiors.push(name.slice(0, at));
    });
    return superiors;
  }

  /** Places reached behind the whole name; `before` sees those reached before each character. */
  #walk(name: string, before: (at: number, states: bigint) => void): bigint {
    const wildcards = this.#any | this.#withinLevel;
    const inboxLength = isInboxTree(name) ? "INBOX".length : 0;
    const closed = (states: bigint) => states | ((states & wildcards) << 1n);
    let states = closed(1n);
    for (let at = 0; at < name.length && states !== 0n; at++) {
      before(at, states);
      const char = name[at] as string;
      const places = at < inboxLength ? this.#place(char) | this.#place(char.toLowerCase()) : this.#literal(char);
      const stay = states & (char === "/" ? this.#any : wildcards);
      states = closed(((states & places) << 1n) | stay);
    }
    return states;
  }

  #place(char: string): bigint {
    return this.#places.get(char) ?? 0n;
  }

  /** A wildcard in a name is matched by wildcards only. */
  #literal(char: string): bigint {
    return char === "*" || char === "%" ? 0n : this.#place(char);
  }
}
