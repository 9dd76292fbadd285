import { askDnsLists, checkDnsLists, isWelcome } from "./check-dns-lists.ts";
import { askPeerNames, checkHeloName, checkReverseDns, checkSenderDomain, checkSpf } from "./check-peer-name.ts";
import type { Finding, Judging } from "./judging.ts";
import type { PeerStanding } from "./peer-standing.ts";
import type { ScopeChain } from "./policy-state.ts";

/** Asks, in one round, for everything that DNS must tell of a peer for a chain's settings. */
export function askAboutPeer(judging: Judging, chain: ScopeChain, standing: PeerStanding): void {
  if (standing === "login" || standing === "private") return;
  askPeerNames(judging, chain, standing);
  askDnsLists(judging, chain, standing);
}

/** What the peer checks came to. Their points are in the judging. */
export interface PeerChecks {
  readonly finding?: Finding | undefined;
  /** A welcome list knows the peer: no greylisting. */
  readonly isWelcome: boolean;
}

/**
 * The checks of connect, HELO and MAIL (RFC 5321 4.1.4 lets nobody refuse at HELO, so all are answered at RCPT), in this order,
 * from facts that are there.
 */
export function checkPeer(judging: Judging, chain: ScopeChain, standing: PeerStanding): PeerChecks {
  if (standing === "login" || standing === "private") return { isWelcome: false };
  const welcome = isWelcome(judging, chain);
  const isForeign = standing === "foreign";
  const finding =
    (isForeign ? checkReverseDns(judging, chain, welcome) : undefined) ??
    checkDnsLists(judging, chain, { isSpared: welcome, phase: isForeign ? "connect" : "data" }) ??
    (isForeign ? checkHeloName(judging, chain, welcome) : undefined) ??
    checkSenderDomain(judging, chain, welcome) ??
    (isForeign ? checkSpf(judging, chain, { spf: judging.facts.spf, phase: "mail", isSpared: welcome }) : undefined);
  return { finding, isWelcome: welcome };
}
