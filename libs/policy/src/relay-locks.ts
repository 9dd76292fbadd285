import { entryLine } from "./check-lists.ts";
import { type Judging, note } from "./judging.ts";
import { limitAbove, type PolicyState, type ScopeChain } from "./policy-state.ts";
import type { TraceLine } from "./types.ts";

/** A lock on who may relay, and where it is set. */
export interface RelayLock {
  readonly setting: "relayMode" | "relayAddresses";
  readonly setAtScope: string;
  readonly byEvent: string;
}

const openingSettings = ["relayMode", "relayAddresses"] as const;

/**
 * The lock above a chain's narrowest scope that keeps accept entries of that scope from opening relaying: who may not say
 * who relays may not say it by an entry either. Entries of the scope that set the lock, and of those above it, still count.
 */
export function relayLockAbove(state: PolicyState, chain: ScopeChain): RelayLock | undefined {
  for (const setting of openingSettings) {
    const limit = limitAbove(state, chain, setting);
    if (limit?.locked === true) return { setting, setAtScope: limit.setAtScope, byEvent: limit.byEvent };
  }
  return undefined;
}

/** Whether an accept entry of a chain's narrowest scope may open relaying; one that may not is told in the trace, with the lock. */
export function mayEntryOpen(judging: Judging, chain: ScopeChain, row: number): boolean {
  const lock = relayLockAbove(judging.state, chain);
  if (lock === undefined) return true;
  noteClosed(judging, row, lock);
  return false;
}

/** Two lines, as the entry and the lock may be of different scopes, of which a reader may see one only. */
function noteClosed(judging: Judging, row: number, { setting, setAtScope, byEvent }: RelayLock): void {
  if (judging.trace === undefined) return;
  const entry = entryLine(judging, row, "skip", "relay");
  // The entries of a chain are looked at once more when SPF is known.
  if (
    judging.trace.some(
      ({ byEvent: by, outcome, step }) => by === entry.byEvent && outcome === "skip" && step === "relay",
    )
  )
    return;
  const lock: TraceLine = {
    step: "relay",
    outcome: "skip",
    setting,
    setAtScope,
    byEvent,
    detail: "locked: accept entries of the scopes below do not open relaying",
  };
  note(judging, () => entry);
  note(judging, () => lock);
}
