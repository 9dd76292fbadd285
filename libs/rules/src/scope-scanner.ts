import { LiteralScanner } from "./literal-scanner.ts";
import { literalsOf } from "./match-content.ts";
import type { PreparedTest } from "./match-text.ts";
import type { TextField } from "./rule.ts";
import type { InputView } from "./rule-input.ts";

/**
 * Comparisons after which a scope's scanner is built, in all runs together. Each costs about 50 ns, building about 0.3 ms for 200
 * texts: a tenant who gets little mail never pays for it, and nobody pays long for doing without. Measured by
 * test/load/rules-bench.ts.
 */
export const scannerAfterDefault = 20_000;

/** What was found in one message, by literal: 1 = it may occur. */
export type FoundLiterals = Uint8Array;

/** The literals of all tests of a scope, looked for in one pass over what the tests look at, from when that pays. */
export class ScopeScanner {
  readonly #tests: readonly PreparedTest[];
  #comparisonsLeft: number;
  #built: BuiltScanner | undefined;

  /** `after`: comparisons that are made before it is built. */
  constructor(tests: readonly PreparedTest[], after: number) {
    this.#tests = tests;
    this.#comparisonsLeft = after;
  }

  /** The scanner, if it is there, or built now: this many comparisons are to be made without it. */
  beforeComparing(comparisons: number): BuiltScanner | undefined {
    if (this.#built !== undefined) return this.#built;
    this.#comparisonsLeft -= comparisons;
    if (this.#comparisonsLeft < 0) this.#built = new BuiltScanner(this.#tests);
    return this.#built;
  }
}

/** A scope's scanner, ready. */
class BuiltScanner {
  readonly #scanner: LiteralScanner;
  /** Literals of which one must occur where a test is true; tests without any that are certain are not here. */
  readonly #wanted = new Map<PreparedTest, readonly number[]>();
  /** Fields that these tests name, each once. */
  readonly #fields: readonly { readonly field: TextField; readonly header?: string | undefined }[];

  constructor(tests: readonly PreparedTest[]) {
    const ids = new Map<string, number>();
    const fields = new Map<string, { readonly field: TextField; readonly header?: string | undefined }>();
    for (const each of tests) {
      const literals = literalsOf(each);
      if (literals === undefined) continue;
      for (const literal of literals) if (!ids.has(literal)) ids.set(literal, ids.size);
      this.#wanted.set(
        each,
        literals.map((literal) => ids.get(literal) ?? 0),
      );
      const { field, header } = each.test;
      fields.set(`${field} ${header ?? ""}`, { field, header });
    }
    this.#scanner = new LiteralScanner([...ids.keys()]);
    this.#fields = [...fields.values()];
  }

  scan(view: InputView): FoundLiterals {
    const texts = this.#fields.flatMap(({ field, header }) => view.values(field, header).map(({ folded }) => folded));
    return this.#scanner.scan(texts.join("\n"));
  }

  /** False when the test cannot be true of the message that was scanned. */
  mayHold(test: PreparedTest, found: FoundLiterals): boolean {
    const wanted = this.#wanted.get(test);
    return wanted === undefined || wanted.some((literal) => found[literal] === 1);
  }
}
