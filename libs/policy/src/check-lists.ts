import { scopeId } from "@mailfold/domain";
import type { Judging } from "./judging.ts";
import type { ListHits } from "./list-view.ts";
import type { ScopeChain } from "./policy-state.ts";
import type { TraceLine } from "./types.ts";

/** Entries that matched along a chain, -1 = none: the narrowest scope's narrowest entry of each list. */
export interface ListMatch {
  accept: number;
  kill: number;
}

function keep(match: ListMatch, hits: ListHits, acceptCounts: boolean): void {
  if (acceptCounts && match.accept < 0) match.accept = hits.accept;
  if (match.kill < 0) match.kill = hits.kill;
}

/** Lower case without the root dot, as patterns are written. */
function canonicalHost(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** Whether any scope of a chain lists hosts, so that the peer's confirmed name matters. */
function listsHosts(judging: Judging, chain: ScopeChain): boolean {
  for (const id of chain) if (judging.state.lists.shape(id)?.hosts) return true;
  return false;
}

/**
 * Looks up IP, confirmed host, HELO and sender in the accept and kill lists along a chain. An authenticated peer is
 * known by its login, so only its sender is looked up. HELO is what a stranger claims: it can kill, never accept.
 * `askHost` asks for the host name when entries of the chain need it.
 */
export function matchLists(judging: Judging, chain: ScopeChain, askHost: boolean): ListMatch {
  const { facts, ip, state } = judging;
  const match: ListMatch = { accept: -1, kill: -1 };
  const peer = facts.login === undefined;
  if (peer && askHost && facts.host === undefined && listsHosts(judging, chain)) judging.needs.push("host");
  const host = peer && facts.host?.status === "confirmed" ? canonicalHost(facts.host.name) : undefined;
  const helo = peer && facts.helo !== undefined ? canonicalHost(facts.helo) : undefined;
  const sender =
    facts.sender === undefined || facts.sender.address === "" ? undefined : facts.sender.address.toLowerCase();
  for (let i = 0; i < chain.length; i++) {
    const shape = state.lists.shape(chain[i] as string);
    if (!shape) continue;
    if (peer && ip) keep(match, state.lists.matchIp(shape, ip, facts.at), true);
    if (sender !== undefined) keep(match, state.lists.matchSender(shape, sender, facts.at), true);
    if (host !== undefined) keep(match, state.lists.matchHost(shape, host, facts.at), true);
    if (helo !== undefined) keep(match, state.lists.matchHost(shape, helo, facts.at), false);
  }
  return match;
}

/** The trace line of a matched row. */
export function entryLine(judging: Judging, row: number, outcome: TraceLine["outcome"], step: string): TraceLine {
  const { lists } = judging.state;
  const list = lists.listOf(row);
  const entryId = lists.entryId(row);
  const expiresAt = lists.expiresAt(row);
  const until = expiresAt === Number.POSITIVE_INFINITY ? "" : ` until ${expiresAt}`;
  return {
    step,
    outcome,
    setting: list === "relay" ? "relayAddresses" : `${list}List`,
    setAtScope: scopeId(lists.scopeOf(row)),
    byEvent: lists.byEvent(row),
    detail: `${list === "relay" ? "" : `entry ${entryId} `}${lists.pattern(row)}${until}`,
  };
}
