import { scopeId } from "@mailfold/domain";
import type { AuthenticationFact } from "./content-facts.ts";
import { ask, type Judging } from "./judging.ts";
import type { ListHits } from "./list-view.ts";
import { originOf, type PeerStanding } from "./peer-standing.ts";
import type { ScopeChain } from "./policy-state.ts";
import type { TraceLine } from "./types.ts";

/** Entries that matched along a chain, -1 = none: the narrowest scope's narrowest entry of each list. */
export interface ListMatch {
  /** Accepts by IP or confirmed host ... */
  accept: number;
  /** ... and by sender, which is only what the peer claims. */
  acceptSender: number;
  kill: number;
}

/** Lower case without the root dot, as patterns are written. */
function canonicalHost(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** Whether any scope of a chain lists hosts and the peer's confirmed name is not known yet. */
export function isHostMissing(judging: Judging, chain: ScopeChain, standing: PeerStanding): boolean {
  if (judging.facts.host !== undefined || standing === "login" || standing === "relayed") return false;
  for (const id of chain) if (judging.state.lists.shape(id)?.hosts) return true;
  return false;
}

/**
 * Looks up IP, confirmed host, HELO and sender in the accept and kill lists along a chain. An authenticated peer is
 * known by its login, so only its sender is looked up. Behind a trusted relay the relay's address and name kill nothing;
 * in the data phase the address beyond it counts. HELO is what a stranger claims: it can kill, never accept.
 */
export function matchLists(judging: Judging, chain: ScopeChain, standing: PeerStanding): ListMatch {
  const { facts, state } = judging;
  const { lists } = state;
  const match: ListMatch = { accept: -1, acceptSender: -1, kill: -1 };
  const isKnown = standing === "login" || standing === "relayed";
  const ip = standing === "login" ? undefined : judging.ip;
  const origin = standing === "relayed" ? originOf(judging) : undefined;
  const host = !isKnown && facts.host?.status === "confirmed" ? canonicalHost(facts.host.name) : undefined;
  const helo = !isKnown && facts.helo !== undefined ? canonicalHost(facts.helo) : undefined;
  const sender =
    facts.sender === undefined || facts.sender.address === "" ? undefined : facts.sender.address.toLowerCase();
  const keep = (hits: ListHits, acceptCounts: boolean, killCounts = true): void => {
    if (acceptCounts && match.accept < 0) match.accept = hits.accept;
    if (killCounts && match.kill < 0) match.kill = hits.kill;
  };
  for (let i = 0; i < chain.length; i++) {
    const shape = lists.shape(chain[i] as string);
    if (!shape) continue;
    if (ip) keep(lists.matchIp(shape, ip, facts.at), true, standing !== "relayed");
    if (origin) keep(lists.matchIp(shape, origin, facts.at), true);
    if (sender !== undefined) {
      const hits = lists.matchSender(shape, sender, facts.at);
      if (match.acceptSender < 0) match.acceptSender = hits.accept;
      keep(hits, false);
    }
    if (host !== undefined) keep(lists.matchHost(shape, host, facts.at), true);
    if (helo !== undefined) keep(lists.matchHost(shape, helo, facts.at), false);
  }
  return match;
}

/**
 * The accept entry that holds, -1 = none. One that names only the sender does not when SPF, or in the data phase DMARC,
 * *fails* for that sender; asks for what tells. A sender without proof either way is taken at its word, as before SPF.
 */
export function acceptedBy(judging: Judging, match: ListMatch, standing: PeerStanding): number {
  if (match.accept >= 0 || match.acceptSender < 0) return match.accept;
  if (standing === "login" || standing === "private") return match.acceptSender;
  const { content, spf } = judging.facts;
  if (standing === "foreign") {
    if (spf === undefined) ask(judging, "spf");
    else if (spf.result === "fail") return -1;
  }
  const isReadable = judging.phase === "data" && content !== undefined && !content.broken && !content.bareLineEnd;
  if (!isReadable || (standing === "relayed" && !originOf(judging))) return match.acceptSender;
  const { authentication } = content;
  if (authentication === undefined) ask(judging, "authentication");
  else if (isDisproved(judging, authentication, standing)) return -1;
  return match.acceptSender;
}

/**
 * Whether DMARC, or SPF at the address beyond a trusted relay, fails for the listed sender. The From header of another
 * domain (a mailing list's author) is no word on a sender that SPF proves.
 */
function isDisproved(judging: Judging, { spf, dmarc }: AuthenticationFact, standing: PeerStanding): boolean {
  const seen = standing === "relayed" ? spf : (judging.facts.spf ?? spf);
  if (seen.result === "fail") return true;
  if (dmarc.result !== "fail") return false;
  const address = judging.facts.sender?.address.toLowerCase() ?? "";
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return seen.result !== "pass" || isWithin(domain, dmarc.domain) || isWithin(dmarc.domain, domain);
}

function isWithin(name: string, parent: string): boolean {
  return name === parent || name.endsWith(`.${parent}`);
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
