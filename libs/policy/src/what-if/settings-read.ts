import { snapshotOf, stateOf } from "../compiled-policy.ts";
import type { ScopeSettings } from "../policy-state.ts";
import { ScopeMap } from "../scope-map.ts";
import type { CompiledPolicy } from "../types.ts";
import { type JudgedFacts, judgeRecorded } from "./judge-recorded.ts";

/** Settings that also lie in another form (list rows, counts) and are read from there. */
const keptElsewhere = ["relayAddresses", "relayMode", "sizeLimitBytes"] as const;

/** Values that note which names are asked for. */
class MarkingValues extends Map<string, { readonly value: never; readonly byEvent: string }> {
  readonly #below: ScopeSettings["values"] | undefined;
  readonly #seen: Set<string>;

  constructor(below: ScopeSettings["values"] | undefined, seen: Set<string>) {
    super();
    this.#below = below;
    this.#seen = seen;
  }

  override get(name: string): never | undefined {
    this.#seen.add(name);
    return this.#below?.get(name) as never;
  }
}

class MarkingScopes extends ScopeMap<ScopeSettings> {
  readonly #below: ScopeMap<ScopeSettings>;
  readonly #seen: Set<string>;

  constructor(below: ScopeMap<ScopeSettings>, seen: Set<string>) {
    super();
    this.#below = below;
    this.#seen = seen;
  }

  override get(scopeId: string): ScopeSettings {
    const below = this.#below.get(scopeId);
    const values = new MarkingValues(below?.values, this.#seen);
    // A scope without settings is read like one whose settings are all unset.
    return below === undefined ? { scope: { kind: "platform" }, values } : { ...below, values };
  }
}

/**
 * Settings that were looked at when the facts were judged: with another value of any other setting, and nothing else
 * changed, the verdict is the same.
 */
export function settingsRead(policy: CompiledPolicy, recorded: JudgedFacts): ReadonlySet<string> {
  const seen = new Set<string>(keptElsewhere);
  const state = stateOf(policy);
  judgeRecorded(snapshotOf({ ...state, settings: new MarkingScopes(state.settings, seen) }), recorded);
  return seen;
}
