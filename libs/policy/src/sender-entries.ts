import { entryLine } from "./check-lists.ts";
import type { Judging } from "./judging.ts";
import { sendingStanding } from "./peer-standing.ts";
import { isUnlocked, type ScopeChain, tenantChain } from "./policy-state.ts";
import type { Opening } from "./relay-grant.ts";
import { mayEntryOpen } from "./relay-locks.ts";

/** SPF's word on a sender entry: it proves a sender only of a peer that connects itself, and never behind a trusted relay. */
export function senderProof(judging: Judging): "pass" | "unknown" | "failed" | "none" {
  const { spf, sender, origin } = judging.facts;
  if (origin || sendingStanding(judging) !== "foreign") return "none";
  if (spf === undefined) return "unknown";
  if (spf.result === "temperror") return "failed";
  const address = sender?.address.toLowerCase() ?? "";
  const isProven =
    spf.result === "pass" && spf.identity === "mailfrom" && spf.domain === address.slice(address.lastIndexOf("@") + 1);
  return isProven ? "pass" : "none";
}

/** Accept entries along a chain that name the sender, and what they come to. */
export interface SenderEntries {
  readonly opening?: Opening;
  /** The nearest entry that opens nothing, -1 = none. */
  readonly unproven: number;
}

/**
 * An accept entry that names the sender, by address or domain and never by suffix, opens relaying when SPF passes, or
 * without proof where it has trustUnverified: the narrowest entry of the nearest scope decides. One under a lock on who may
 * relay does not count.
 */
export function openedBySenderEntry(judging: Judging, chain: ScopeChain, isProven: boolean): SenderEntries {
  const { state, facts } = judging;
  const sender = facts.sender?.address.toLowerCase() ?? "";
  let unproven = -1;
  if (sender === "") return { unproven };
  for (const [index, id] of chain.entries()) {
    const shape = state.lists.shape(id);
    const row = shape ? state.lists.matchSender(shape, sender, facts.at).accept : -1;
    if (row < 0 || !state.lists.namesSender(row) || !mayEntryOpen(judging, chain.slice(index), row)) continue;
    const isTrusted = state.lists.trusts(row) && isUnlocked(state, "trustUnverified");
    if (isTrusted || isProven) {
      const line = entryLine(judging, row, "match", "relay");
      const reason = isTrusted ? "relay-unverified-entry" : "relay-spf-entry";
      return { opening: { reason, vouchedBy: "none", line }, unproven };
    }
    if (unproven < 0) unproven = row;
  }
  return { unproven };
}

/** First rows of at most 16 tenants whose accept list opens relaying to a sender; collected first, since looking further reuses the lookup buffer. */
export function namedSenders(judging: Judging, sender: string, trusting: boolean): readonly number[] {
  const rows: number[] = [];
  const { state } = judging;
  const row = (at: number): boolean => {
    return mayEntryOpen(judging, tenantChain(state, state.lists.scopeOf(at)), at) && rows.push(at) >= 16;
  };
  state.lists.eachTenantNamingSender(sender, trusting, { at: judging.facts.at, row });
  return rows;
}
