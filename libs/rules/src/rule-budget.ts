import type { CompiledPattern } from "./pattern-cache.ts";

/**
 * Instructions x characters that the patterns of one owner may spend on headers and envelope of one message: 62 ns a step at
 * worst, so about 30 ms; a hundredth of that where a pattern is simple.
 */
const ownerStepsMax = 500_000;
/** Of all owners together; who comes when it is spent still gets the least share. */
const messageStepsMax = 2_000_000;
const ownerStepsMin = 50_000;
/** Answers kept, so that recipients of one owner pay once for the pattern that all of them share. */
const answersMax = 10_000;

/**
 * What patterns may spend on one message, however many recipients it has. Each owner has a share of its own, so that nobody's
 * rules are left open by what another's spend.
 */
export class RuleBudget {
  #stepsLeft = messageStepsMax;
  readonly #shares = new Map<string, number>();
  readonly #answers = new Map<CompiledPattern, Map<string, boolean>>();
  #kept = 0;

  /** Whether the pattern matches, at this owner's expense unless it is known; undefined when the share does not allow it. */
  test(owner: string, pattern: CompiledPattern, text: string): boolean | undefined {
    const known = this.#answers.get(pattern)?.get(text);
    if (known !== undefined) return known;
    const share = this.#shares.get(owner) ?? Math.min(ownerStepsMax, Math.max(ownerStepsMin, this.#stepsLeft));
    const steps = pattern.instructions * (text.length + 1);
    this.#shares.set(owner, steps > share ? share : share - steps);
    if (steps > share) return undefined;
    this.#stepsLeft -= steps;
    return this.#keep(pattern, text, pattern.test(text));
  }

  #keep(pattern: CompiledPattern, text: string, matched: boolean): boolean {
    if (this.#kept === answersMax) return matched;
    this.#kept += 1;
    const answers = this.#answers.get(pattern) ?? new Map<string, boolean>();
    this.#answers.set(pattern, answers.set(text, matched));
    return matched;
  }
}
