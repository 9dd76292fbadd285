import { RE2JS } from "re2js";

/** A compiled pattern: RE2, so that matching is linear in the text whatever the pattern. */
export interface CompiledPattern {
  /** Whether it matches somewhere in the text; `^` and `$` also match at line ends. */
  test(text: string): boolean;
  readonly instructions: number;
  /** It sees no start or end of the text, and dots end at line ends: it may be looked for in some lines at a time. */
  readonly splits: boolean;
}

/** Text that may make a pattern see more than lines; taken for it where it only looks like it, too. */
const wholeText = /\\[Az]|\(\?[a-zA-Z]*[-ms]/;

/** Compiles an RE2 pattern; throws RE2JSException when it is none. */
export function compilePattern(pattern: string, caseSensitive: boolean): CompiledPattern {
  const compiled = RE2JS.compile(pattern, RE2JS.MULTILINE | (caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE));
  return {
    test: (text) => compiled.test(text),
    instructions: compiled.programSize(),
    splits: !wholeText.test(pattern),
  };
}

/** Values by text key, together at most `weightMax` heavy; those not used for longest go first. */
export class LeastRecentlyUsed<T> {
  readonly #entries = new Map<string, T>();
  readonly #weightMax: number;
  readonly #weigh: (value: T) => number;
  #weight = 0;

  constructor(weightMax: number, weigh: (value: T) => number) {
    this.#weightMax = weightMax;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value of a key, made when it is not there. */
  get(key: string, make: () => T): T {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const made = make();
    this.#entries.set(key, made);
    this.#weight += this.#weigh(made);
    for (const [oldest, value] of this.#entries) {
      if (this.#weight <= this.#weightMax || oldest === key) break;
      this.#entries.delete(oldest);
      this.#weight -= this.#weigh(value);
    }
    return made;
  }
}

/** Compiled patterns by text and case, bounded by their instructions. */
export class PatternCache {
  readonly #patterns: LeastRecentlyUsed<CompiledPattern | typeof broken>;

  constructor(instructionsMax: number) {
    this.#patterns = new LeastRecentlyUsed(instructionsMax, (pattern) =>
      pattern === broken ? 32 : pattern.instructions + 32,
    );
  }

  get size(): number {
    return this.#patterns.size;
  }

  /** Undefined when it is no pattern, though one was stored: nobody can tell what it matches. */
  get(pattern: string, caseSensitive: boolean): CompiledPattern | undefined {
    const key = (caseSensitive ? "s" : "i") + pattern;
    const found = this.#patterns.get(key, () => compiledOrBroken(pattern, caseSensitive));
    return found === broken ? undefined : found;
  }
}

const broken = Symbol("broken");

function compiledOrBroken(pattern: string, caseSensitive: boolean): CompiledPattern | typeof broken {
  try {
    return compilePattern(pattern, caseSensitive);
  } catch (error) {
    if (!(error instanceof Error) || !error.name.startsWith("RE2JS")) throw error;
    return broken;
  }
}
