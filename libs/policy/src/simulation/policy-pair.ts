import type { IpAddress } from "../ip-address.ts";
import type { PolicyState } from "../policy-state.ts";
import { factColumns } from "./fact-columns.ts";
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
  readonly #forms = new Map<string, string>();
  readonly numbering = new Numbering();
  /** Forms of the scopes above mailboxes, by their ids. */
  readonly above = new Map<string, string>();
  /** By column, a value for each class of plain rows. */
  readonly representatives = factColumns.map(() => new Map<number, unknown>());
  readonly sizes: Breakpoints;
  readonly recipients: Breakpoints;
  readonly expiries: Breakpoints;
  /** Some entry names a host. */
  readonly listsHosts: boolean;
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
    this.listsHosts = this.#keys.some(({ hasHosts }) => hasHosts);
    this.sizes = breakpointsOf(this.states, "sizeLimitBytes");
    this.recipients = breakpointsOf(this.states, "maxRecipientsPerMessage");
    this.expiries = instants(this.#keys.flatMap((keys) => [...keys.expiries]));
  }

  /**
   * What is set at a scope, for mail that no list names: two scopes with equal forms judge it alike. "-" = nothing. Of lists
   * only counts whether they have host names, since those are looked up.
   */
  formOf(scope: string): string {
    if (scope === "-") return scope;
    let known = this.#forms.get(scope);
    if (known === undefined) {
      const forms = this.states.map((state) => formIn(state, scope));
      known = forms.every((form) => form === "") ? "-" : String(this.numbering.of(forms.join("\n")));
      this.#forms.set(scope, known);
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

function formIn(state: PolicyState, scope: string): string {
  const settings = state.settings.get(scope);
  const values = [...(settings?.values ?? [])].map(([name, { value }]) => [name, value]);
  const limits = [...(settings?.limits ?? [])].map(([name, { limit }]) => [name, limit]);
  const hasHosts = state.lists.shape(scope)?.hosts === true;
  if (values.length === 0 && limits.length === 0 && !hasHosts) return "";
  return JSON.stringify([values.sort(), limits.sort(), hasHosts]);
}
