import type { LearningSettings } from "./learning-settings.ts";
import type { ListScope } from "./listing.ts";
import type { SenderRecord } from "./sender-record.ts";
import type { SubjectKey } from "./subjects.ts";
import type { Tally } from "./tally.ts";

/** A time in which nothing is learned of a sender. */
export interface Pardon {
  readonly id: string;
  readonly untilAt: number;
}

/** What one scope has learned. */
export interface Ledger {
  readonly scope: ListScope;
  readonly records: Map<SubjectKey, SenderRecord>;
  readonly pardons: Map<SubjectKey, Pardon>;
  /** Senders listed at present. */
  readonly listed: Set<SubjectKey>;
  /** How many addresses of a network are listed. */
  readonly listedIps: Map<string, number>;
}

/** The whole state of the fold: all scopes. Owned by whoever folds; changed in place. */
export interface Reputation {
  /** The latest event time believed; never goes back. */
  now: number;
  /** The time that the last event told. */
  heardAt: number;
  readonly ledgers: Map<ListScope, Ledger>;
  readonly settings: Map<ListScope, LearningSettings>;
  /** Mail that each tenant took: without volume it is no witness for the platform. */
  readonly tenantMail: Map<string, Tally>;
  /** No listing needs a look before this time. */
  nextDueAt: number;
  /** Only for the property that forgetting changes no decision that matters. */
  readonly forgets: boolean;
}

/** A fold that has seen nothing. `forgets: false` keeps every sender for ever: for tests only. */
export function newReputation(options: { readonly forgets?: boolean } = {}): Reputation {
  return {
    now: 0,
    heardAt: 0,
    ledgers: new Map(),
    settings: new Map(),
    tenantMail: new Map(),
    nextDueAt: Number.POSITIVE_INFINITY,
    forgets: options.forgets ?? true,
  };
}

/** A scope that has learned nothing yet. */
function newLedger(scope: ListScope): Ledger {
  return { scope, records: new Map(), pardons: new Map(), listed: new Set(), listedIps: new Map() };
}

/** The ledger of a scope, made when first asked for. */
export function ledgerOf(reputation: Reputation, scope: ListScope): Ledger {
  const known = reputation.ledgers.get(scope);
  if (known) return known;
  const ledger = newLedger(scope);
  reputation.ledgers.set(scope, ledger);
  return ledger;
}
