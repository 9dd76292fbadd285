import { type Scope, scopeId } from "@mailfold/domain";
import { entryLine } from "./check-lists.ts";
import { mayOpenRelaying, prefixOf } from "./ip-address.ts";
import type { Judging } from "./judging.ts";
import { type PolicyState, relayModeOf, resolveSetting, type ScopeChain } from "./policy-state.ts";
import type { Opening } from "./relay-grant.ts";
import { mayEntryOpen } from "./relay-locks.ts";

/** The accept entry by IP that opens relaying along a chain: below platform scope only within the width limit, and under no lock. */
export function openedByAcceptIp(judging: Judging, chain: ScopeChain): Opening | undefined {
  const { state, ip, facts } = judging;
  if (!ip) return undefined;
  for (const [index, id] of chain.entries()) {
    const shape = state.lists.shape(id);
    if (!shape) continue;
    const row = state.lists.matchIp(shape, ip, facts.at).accept;
    if (row < 0 || !mayEntryOpen(judging, chain.slice(index), row)) continue;
    if (id !== "platform" && !mayOpenRelaying(prefixOf(ip, state.lists.prefixLength(row)))) continue;
    return { reason: "relay-accept-entry", vouchedBy: "ip-entry", line: entryLine(judging, row, "match", "relay") };
  }
  return undefined;
}

/** relayAddresses in force along a chain, when relayMode is `addresses`: the nearest list replaces those above it. */
export function openedByAddresses(judging: Judging, chain: ScopeChain): Opening | undefined {
  const { state, ip, facts } = judging;
  if (!ip || relayModeOf(state, chain) !== "addresses") return undefined;
  const { setAtScope } = resolveSetting(state, chain, "relayAddresses");
  const shape = state.lists.shape(setAtScope);
  const row = shape ? state.lists.matchIp(shape, ip, facts.at).relay : -1;
  if (row < 0) return undefined;
  return { reason: "relay-address", vouchedBy: "ip-entry", line: entryLine(judging, row, "match", "relay") };
}

/** Whether a tenant's own relayAddresses are in force: its mode says so, and no scope above decides instead. */
export function listsAddresses(state: PolicyState, chain: ScopeChain, scope: Scope): boolean {
  if (relayModeOf(state, chain) !== "addresses") return false;
  return resolveSetting(state, chain, "relayAddresses").setAtScope === scopeId(scope);
}
