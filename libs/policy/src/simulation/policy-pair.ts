import type { IpAddress } from "../ip-address.ts";
import type { PolicyState } from "../policy-state.ts";
import { keysOfLists, keysOfTry, type ListedKeys } from "./listed-keys.ts";
import { type Breakpoints, breakpointsOf, instants } from "./number-steps.ts";

/** Numbers for texts, the same for all segments of one try. */
class Numbering {
  readonly #known = new Map<string, number>();

  of(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const number = this.#known.size + 1;
    this.#known.set(text, number);
    return number;
  }
}

/** What a try needs to know of its two policies to tell rows apart. */
export class PolicyPair {
  readonly states: readonly PolicyState[];
  readonly #keys: readonly ListedKeys[];
  readonly #bare = new Map<string, boolean>();
  readonly numbering = new Numbering();
  readonly sizes: Breakpoints;
  readonly recipients: Breakpoints;
  readonly expiries: Breakpoints;
  /** Some learned listing names the author of a message. */
  readonly listsAuthors: boolean;

  constructor(
    baseline: PolicyState,
    changed: PolicyState,
    added: readonly { readonly pattern: string; readonly expiresAt?: number }[],
  ) {
    this.states = [baseline, changed];
    const learned = keysOfLists(baseline.learned);
    this.#keys = [keysOfLists(baseline.lists), learned, keysOfTry(added, this.states)];
    this.listsAuthors = learned.hasNames;
    this.sizes = breakpointsOf(this.states, "sizeLimitBytes");
    this.recipients = breakpointsOf(this.states, "maxRecipientsPerMessage");
    this.expiries = instants(this.#keys.flatMap((keys) => [...keys.expiries]));
  }

  /** Whether nothing is set and nothing listed at a scope: one such is like another. */
  isBare(scope: string): boolean {
    let known = this.#bare.get(scope);
    if (known === undefined) {
      known = this.states.every((state) => {
        const settings = state.settings.get(scope);
        const isSet = settings !== undefined && (settings.values.size > 0 || settings.limits !== undefined);
        return !isSet && state.lists.shape(scope) === undefined && state.learned.shape(scope) === undefined;
      });
      this.#bare.set(scope, known);
    }
    return known;
  }

  listsIp(ip: IpAddress): boolean {
    return this.#keys.some((keys) => keys.hasIp(ip));
  }
  listsHost(name: string): boolean {
    return this.#keys.some((keys) => keys.hasHost(name));
  }
  listsSender(address: string): boolean {
    return this.#keys.some((keys) => keys.hasSender(address));
  }
}
