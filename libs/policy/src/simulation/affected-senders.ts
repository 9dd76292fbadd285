/** How much of a sender's mail a change treats otherwise. */
export interface AffectedSender {
  /** "" = the null sender. */
  readonly sender: string;
  readonly count: number;
  /** Of these, taken before and not any more ... */
  readonly blocked: number;
  /** ... and the other way round. */
  readonly freed: number;
}

interface Counted {
  count: number;
  blocked: number;
  freed: number;
}

/** Senders counted at once; beyond twice as many, those with the fewest are forgotten. */
const sendersMax = 10_000;

/** Counts senders in bounded memory: the counts of frequent ones are exact unless there are very many senders. */
export class AffectedSenders {
  #counts = new Map<string, Counted>();
  /** Most that a forgotten sender may have had. */
  #forgotten = 0;

  add(sender: string, change: "blocked" | "freed" | "other"): void {
    let counted = this.#counts.get(sender);
    if (counted === undefined) {
      counted = { count: 0, blocked: 0, freed: 0 };
      this.#counts.set(sender, counted);
      if (this.#counts.size > sendersMax * 2) this.#prune();
    }
    counted.count += 1;
    if (change !== "other") counted[change] += 1;
  }

  /** Whether every count is exact. */
  get isExact(): boolean {
    return this.#forgotten === 0;
  }

  /** The most affected, in a stable order. */
  top(max: number): readonly AffectedSender[] {
    return this.#sorted()
      .slice(0, max)
      .map(([sender, counted]) => ({ sender, ...counted }));
  }

  #sorted(): readonly (readonly [string, Counted])[] {
    return [...this.#counts].sort((a, b) => b[1].count - a[1].count || (a[0] < b[0] ? -1 : 1));
  }

  #prune(): void {
    const sorted = this.#sorted();
    this.#forgotten = Math.max(this.#forgotten, sorted[sendersMax]?.[1].count ?? 0);
    this.#counts = new Map(sorted.slice(0, sendersMax));
  }
}
