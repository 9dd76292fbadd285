import type { Belonging, Caller } from "../caller.ts";

/** Who began a simulation, the widest first: a reseller with its tenants, then one of them or itself. */
export type SimulationOwners = readonly [group: string, owner: string];

/** Whose share a caller uses: its own, whatever lies below it that it asks about. */
export function ownersOf(caller: Caller, belonging: Belonging): SimulationOwners {
  const { scope } = caller;
  if (scope.kind === "platform") return ["platform", "platform"];
  const reseller = scope.kind === "reseller" ? scope.id : (belonging.resellerId ?? "");
  return [`below ${reseller}`, scope.id];
}

/** What waits for its turn. */
interface Waiting {
  readonly owners: SimulationOwners;
}

/** Owners who were served last and are still remembered; one who is forgotten comes first. */
const rememberedMax = 1_000;

/** Resellers take turns, and so do the tenants of each; nobody waits behind another's heap. */
export class SimulationTurns {
  /** By owner, when it was served; the order of the entries is that of time. */
  readonly #served = new Map<string, number>();
  #count = 0;

  /** The one whose turn it is, of those that wait in the order they came. */
  next<T extends Waiting>(waiting: readonly T[]): T | undefined {
    let first: T | undefined;
    for (const each of waiting) if (first === undefined || this.#isBefore(each.owners, first.owners)) first = each;
    if (first !== undefined) for (const owner of first.owners) this.#serve(owner);
    return first;
  }

  #isBefore([group, owner]: SimulationOwners, [otherGroup, other]: SimulationOwners): boolean {
    const between = this.#at(group) - this.#at(otherGroup);
    return between === 0 ? this.#at(owner) < this.#at(other) : between < 0;
  }

  #at(owner: string): number {
    return this.#served.get(owner) ?? 0;
  }

  #serve(owner: string): void {
    this.#served.delete(owner);
    this.#served.set(owner, ++this.#count);
    const [oldest] = this.#served.keys();
    if (this.#served.size > rememberedMax && oldest !== undefined) this.#served.delete(oldest);
  }
}
