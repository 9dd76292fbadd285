import { type IpAddress, isLoopback } from "./ip-address.ts";
import { type Finding, type Judging, note, refuse } from "./judging.ts";
import { listingIdAt } from "./learned-lists.ts";
import type { ListHits } from "./list-view.ts";
import { originOf, type PeerStanding } from "./peer-standing.ts";
import { platformChain, type ScopeChain, settingValue } from "./policy-state.ts";
import type { KnownReason } from "./reasons.ts";

type Named = "ip" | "network" | "domain" | "sender";

/** Rows that matched along a chain, -1 = none: of the narrowest scope and subject, for each action. */
interface LearnedHits {
  reject: number;
  defer: number;
}

/** Whether a scope's blacklist counts for a chain: it must learn, and a tenant may do without the platform's. */
function isInForce({ state }: Judging, chain: ScopeChain, id: string): boolean {
  if (id !== "platform") return settingValue(state, chain, "learning.enabled") === true;
  if (settingValue(state, chain, "learning.use") !== true) return false;
  return settingValue(state, platformChain, "learning.enabled") === true;
}

/** What the learned lists in force along a chain say, looked up by `look`. */
function matchLearned(
  judging: Judging,
  chain: ScopeChain,
  look: (shape: NonNullable<ReturnType<Judging["state"]["learned"]["shape"]>>) => ListHits,
): LearnedHits {
  const { learned } = judging.state;
  const hits: LearnedHits = { reject: -1, defer: -1 };
  for (const id of chain) {
    const shape = learned.shape(id);
    if (shape === undefined) continue;
    const { kill, denial } = look(shape);
    if ((kill < 0 && denial < 0) || !isInForce(judging, chain, id)) continue;
    if (hits.reject < 0) hits.reject = kill;
    if (hits.defer < 0) hits.defer = denial;
  }
  return hits;
}

/** Whether a scope of the chain, or the platform, lets the peer relay by its address: then it is not a stranger's. */
function isRelayHost({ facts, state }: Judging, chain: ScopeChain, ip: IpAddress): boolean {
  if (isLoopback(ip)) return true;
  return chain.some((id) => {
    const shape = state.lists.shape(id);
    return shape !== undefined && state.lists.matchIp(shape, ip, facts.at).relay >= 0;
  });
}

function namedBy(judging: Judging, row: number): Named {
  const { learned } = judging.state;
  const pattern = learned.pattern(row);
  if (pattern.startsWith("@")) return "domain";
  if (pattern.includes("@")) return "sender";
  const length = learned.prefixLength(row);
  return length === 32 || length === 64 ? "ip" : "network";
}

function listed(judging: Judging, { reject, defer }: LearnedHits, phase: Finding["phase"]): Finding | undefined {
  const row = reject >= 0 ? reject : defer;
  if (row < 0) {
    note(judging, () => ({ step: "learned-list", outcome: "pass" }));
    return undefined;
  }
  const { learned } = judging.state;
  const scope = learned.scopeOf(row);
  const named = namedBy(judging, row);
  const reason: KnownReason = reject >= 0 ? `learned-${named}` : `learned-${named}-deferred`;
  return refuse(judging, reason, phase, {
    step: "learned-list",
    outcome: "refuse",
    setAtScope: scope.kind === "platform" ? "platform" : scope.id,
    byEvent: learned.byEvent(row),
    detail: `listing ${listingIdAt(learned, row)} ${learned.pattern(row)} until ${learned.expiresAt(row)}`,
  });
}

/**
 * Whether a learned blacklist of the tenant or of the platform names the peer's address or network, or that of the address
 * beyond a trusted relay. Logins, private addresses and hosts that may relay are never looked up.
 */
export function checkLearnedPeer(judging: Judging, chain: ScopeChain, standing: PeerStanding): Finding | undefined {
  const ip = standing === "foreign" ? judging.ip : standing === "relayed" ? originOf(judging) : undefined;
  if (ip === undefined) return undefined;
  const { learned } = judging.state;
  const hits = matchLearned(judging, chain, (shape) => learned.matchIp(shape, ip, judging.facts.at));
  if ((hits.reject >= 0 || hits.defer >= 0) && isRelayHost(judging, chain, ip)) return undefined;
  return listed(judging, hits, standing === "relayed" ? "data" : "connect");
}

/** Whether a learned blacklist names the author's address or domain: only where DMARC passes, so that a forger harms nobody. */
export function checkLearnedAuthor(judging: Judging, chain: ScopeChain, standing: PeerStanding): Finding | undefined {
  const { content } = judging.facts;
  const dmarc = content?.authentication?.dmarc;
  if (content === undefined || dmarc?.result !== "pass" || dmarc.domain === "") return undefined;
  if (standing === "login" || standing === "private") return undefined;
  const { learned } = judging.state;
  const author = content.from[0]?.toLowerCase();
  const isAuthor = content.fromCount === 1 && author?.endsWith(`@${dmarc.domain}`) === true;
  // The local part matters only where the address is listed itself.
  const address = isAuthor ? author : `@${dmarc.domain}`;
  const hits = matchLearned(judging, chain, (shape) => learned.matchSender(shape, address, judging.facts.at));
  if (hits.reject < 0 && hits.defer < 0) return undefined;
  return listed(judging, hits, "data");
}
