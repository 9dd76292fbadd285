import type { FactMark } from "./fact-segment.ts";

/** Marks and held copies kept at once; older ones are forgotten first. */
const keptMax = 500_000;

/** Mail that somebody wanted: marked as no spam (the last mark counts), or let out of quarantine. */
export class RescuedMail {
  readonly #wanted = new Set<string>();
  readonly #holds = new Map<string, string>();

  /** In the order of the log. */
  add(marks: Iterable<FactMark>): void {
    for (const mark of marks) {
      if (mark.kind === "released") this.#want(this.#holds.get(mark.holdId));
      else if (mark.kind === "held") this.#hold(mark.holdId, mark.verdictId);
      else if (mark.kind === "notSpam") this.#want(mark.verdictId);
      else this.#wanted.delete(mark.verdictId);
    }
  }

  has(verdictId: string): boolean {
    return this.#wanted.has(verdictId);
  }

  #want(verdictId: string | undefined): void {
    if (verdictId === undefined) return;
    this.#wanted.add(verdictId);
    if (this.#wanted.size > keptMax) for (const first of this.#wanted) return void this.#wanted.delete(first);
  }

  #hold(holdId: string, verdictId: string): void {
    this.#holds.set(holdId, verdictId);
    if (this.#holds.size > keptMax) for (const first of this.#holds.keys()) return void this.#holds.delete(first);
  }
}
