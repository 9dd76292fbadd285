import { type Scope, scopeId } from "@mailfold/domain";
import type { TenantId } from "@mailfold/kernel";
import { entryLine } from "./check-lists.ts";
import { settingLine as lineOfSetting } from "./check-sender.ts";
import { type Account, ask, type Judging, refuse } from "./judging.ts";
import { listsAddresses, openedByAcceptIp, openedByAddresses } from "./peer-entries.ts";
import { chainOf, isUnlocked, platformChain, relayModeOf, type ScopeChain, tenantChain } from "./policy-state.ts";
import type { KnownReason } from "./reasons.ts";
import type { Opening, RelayDecision } from "./relay-grant.ts";
import { mayEntryOpen, relayLockAbove } from "./relay-locks.ts";
import { namedSenders, openedBySenderEntry, senderProof } from "./sender-entries.ts";
import type { SettingName } from "./setting-definitions.ts";
import type { DomainFact, TraceLine } from "./types.ts";

const step = "relay";
/** Reasons of grants that rest on an accept entry. */
const isByEntry: ReadonlySet<string> = new Set(["relay-accept-entry", "relay-spf-entry", "relay-unverified-entry"]);

function settingLine(judging: Judging, chain: ScopeChain, name: SettingName, outcome: TraceLine["outcome"]): TraceLine {
  return lineOfSetting(judging, chain, name, { step, outcome });
}

/** An entry that opens nothing: asks for SPF, defers while DNS does not answer, and refuses else. */
function unprovenSender(judging: Judging, row: number, account: Account): RelayDecision {
  const proof = senderProof(judging);
  if (proof === "unknown") ask(judging, "spf");
  if (judging.needs.length > 0) return undefined;
  const reason = proof === "failed" ? "spf-lookup-failed" : "relay-sender-unproven";
  return refusal(judging, reason, entryLine(judging, row, "refuse", step), account);
}

/** What the policy of the sender domain's own tenant opens for this peer. */
function openedByOwner(judging: Judging, chain: ScopeChain, owner: DomainFact): Opening | undefined {
  const byIp = openedByAcceptIp(judging, chain) ?? openedByAddresses(judging, chain);
  if (byIp) return byIp;
  const { facts, state } = judging;
  const mode = relayModeOf(state, chain);
  const line = (): TraceLine => settingLine(judging, chain, "relayMode", "match");
  if (mode === "anyone") return { reason: "relay-anyone", vouchedBy: "none", line: line() };
  if (mode === "localUsers" && facts.senderOwner?.isAddress) {
    return { reason: "relay-local-user", vouchedBy: "none", line: line() };
  }
  if (mode === "localHosts") {
    if (facts.host === undefined) ask(judging, "host");
    else if (facts.host.status === "confirmed" && isVerifiedOf(facts.host.owner, owner.tenantId)) {
      return { reason: "relay-local-host", vouchedBy: "none", line: line() };
    }
  }
  return undefined;
}

function isVerifiedOf(domain: DomainFact | undefined, tenantId: TenantId): boolean {
  return domain?.verified === true && domain.tenantId === tenantId;
}

function refusal(judging: Judging, reason: KnownReason, line: TraceLine, account: Account = {}): RelayDecision {
  return { refusal: refuse(judging, reason, "rcpt", line), account };
}

/** DNS did not answer, and the host name would have counted: later, never for good. */
function hostUnavailable(judging: Judging, chain: ScopeChain, account: Account): RelayDecision {
  return refusal(judging, "host-lookup-failed", settingLine(judging, chain, "relayMode", "refuse"), account);
}

/** The sender's domain is a tenant's verified own: that tenant answers, or nobody does. */
function relayForOwner(judging: Judging, owner: DomainFact): RelayDecision {
  const account = { tenantId: owner.tenantId, resellerId: owner.resellerId };
  const chain = chainOf(account);
  const bySender = openedBySenderEntry(judging, chain, false);
  const byPeer = openedByOwner(judging, chain, owner) ?? bySender.opening;
  const opening = byPeer ?? openedBySenderEntry(judging, chain, senderProof(judging) === "pass").opening;
  if (judging.needs.length > 0) return undefined;
  if (opening) {
    if (owner.tenantSubmissionOff) {
      return refusal(
        judging,
        "submission-suspended",
        { step: "tenant", outcome: "refuse", setAtScope: owner.tenantId },
        account,
      );
    }
    return { grant: { ...opening, account, chain } };
  }
  if (bySender.unproven >= 0) {
    return unprovenSender(judging, bySender.unproven, account);
  }
  if (relayModeOf(judging.state, chain) === "localHosts" && judging.facts.host?.status === "failed") {
    return hostUnavailable(judging, chain, account);
  }
  return refusal(judging, "relay-denied", settingLine(judging, chain, "relayMode", "refuse"), account);
}

/** A tenant that names the peer. */
interface Candidate extends Opening {
  readonly scope: Scope;
}

/** Tenants that name the peer, by IP, by host or by a trusted sender entry; two are enough to be ambiguous. */
function tenantsNamingPeer(judging: Judging): readonly Candidate[] {
  const { state, ip, facts } = judging;
  const found = new Map<string, Candidate>();
  const add = (row: number, opening: Omit<Opening, "line">): boolean => {
    const scope = state.lists.scopeOf(row);
    if (!found.has(scopeId(scope)))
      found.set(scopeId(scope), { ...opening, line: entryLine(judging, row, "match", step), scope });
    return found.size > 1;
  };
  if (ip) {
    state.lists.eachTenantNamingIp(ip, facts.at, (row) => {
      const scope = state.lists.scopeOf(row);
      const chain = tenantChain(state, scope);
      if (state.lists.listOf(row) === "accept") {
        const counts = mayEntryOpen(judging, chain, row);
        return counts && add(row, { reason: "relay-accept-entry", vouchedBy: "ip-entry" });
      }
      const inForce = listsAddresses(state, chain, scope);
      return inForce && add(row, { reason: "relay-address", vouchedBy: "ip-entry" });
    });
  }
  const sender = facts.sender?.address.toLowerCase() ?? "";
  if (sender === "") return [...found.values()];
  const host = facts.host?.status === "confirmed" ? facts.host.owner : undefined;
  if (host?.verified && !found.has(host.tenantId)) {
    const chain = chainOf({ tenantId: host.tenantId, resellerId: host.resellerId });
    if (relayModeOf(state, chain) === "localHosts") {
      const line = settingLine(judging, chain, "relayMode", "match");
      const scope: Scope = { kind: "tenant", id: host.tenantId };
      found.set(host.tenantId, { reason: "relay-local-host", vouchedBy: "none", line, scope });
    }
  }
  if (isUnlocked(state, "trustUnverified")) {
    const row = (at: number): boolean => {
      const { opening } = openedBySenderEntry(judging, tenantChain(state, state.lists.scopeOf(at)), false);
      return opening !== undefined && add(at, opening);
    };
    for (const named of namedSenders(judging, sender, true)) if (row(named)) break;
  }
  return [...found.values()];
}

/** The platform itself names the peer: its hosts' mail is nobody else's business, so this comes before any tenant's claim. */
function platformOpening(judging: Judging): Opening | undefined {
  const byIp = openedByAcceptIp(judging, platformChain) ?? openedByAddresses(judging, platformChain);
  if (byIp || judging.facts.sender?.address === "") return byIp;
  if (relayModeOf(judging.state, platformChain) === "anyone") {
    return {
      reason: "relay-anyone",
      vouchedBy: "none",
      line: settingLine(judging, platformChain, "relayMode", "match"),
    };
  }
  return openedBySenderEntry(judging, platformChain, false).opening;
}

/** Whether the scopes above a tenant leave it to it to say who relays as a candidate says. */
function isOpenUnder({ state }: Judging, chain: ScopeChain, { reason, scope }: Candidate): boolean {
  if (reason === "relay-address") return listsAddresses(state, chain, scope);
  return !isByEntry.has(reason) || relayLockAbove(state, chain) === undefined;
}

function relayForCandidate(judging: Judging, candidate: Candidate): RelayDecision {
  const { facts, state } = judging;
  const tenantId = scopeId(candidate.scope) as TenantId;
  const claimed = facts.senderOwner?.domain;
  if (claimed?.tenantId === tenantId && !claimed.verified) {
    const account = { tenantId, resellerId: claimed.resellerId };
    const line: TraceLine = { step: "sender-domain", outcome: "refuse", setAtScope: tenantId, detail: claimed.name };
    return refusal(judging, "sender-domain-unverified", line, account);
  }
  const host = facts.host?.status === "confirmed" ? facts.host.owner : undefined;
  const hostTenant = host?.tenantId === tenantId ? host : undefined;
  const told = facts.peerTenant;
  if (!hostTenant && told === undefined) {
    ask(judging, "peerTenant", { tenantId });
    return undefined;
  }
  const known = hostTenant ? { ...hostTenant, submissionOff: hostTenant.tenantSubmissionOff } : told;
  const gone: TraceLine = { step: "tenant", outcome: "refuse", setAtScope: tenantId };
  if (!known) return refusal(judging, "relay-denied", { ...gone, detail: "the tenant is gone" });
  // The policy changed while the edge looked the tenant up.
  if (known.tenantId !== tenantId) return refusal(judging, "not-ready", gone);
  const account = { tenantId, resellerId: known.resellerId };
  if (known.submissionOff) return refusal(judging, "submission-suspended", gone, account);
  const chain = known.resellerId === undefined ? tenantChain(state, candidate.scope) : chainOf(account);
  // The reseller above may not have been known where the candidate was found.
  if (!isOpenUnder(judging, chain, candidate)) {
    return refusal(judging, "relay-denied", settingLine(judging, chain, "relayMode", "refuse"), account);
  }
  return { grant: { ...candidate, account, chain } };
}

/**
 * Nobody names the peer, but accept entries may name its sender: whom SPF proves relays for the platform where it has such
 * an entry, else for the one tenant that has. Undefined: no entry, or `spf` is missing.
 */
function relayBySenderEntry(judging: Judging, sender: string): RelayDecision {
  const { state } = judging;
  const isProven = senderProof(judging) === "pass";
  const platform = openedBySenderEntry(judging, platformChain, isProven);
  if (platform.opening) return { grant: { ...platform.opening, account: {}, chain: platformChain } };
  const rows = [...namedSenders(judging, sender, false), ...namedSenders(judging, sender, true)];
  const byTenant = new Map(rows.map((row) => [scopeId(state.lists.scopeOf(row)), row]));
  const [first] = byTenant.entries();
  if (isProven && byTenant.size > 1) {
    return refusal(judging, "relay-ambiguous", {
      step,
      outcome: "refuse",
      detail: "several tenants accept the sender",
    });
  }
  if (isProven && first) {
    const scope = state.lists.scopeOf(first[1]);
    const { opening } = openedBySenderEntry(judging, tenantChain(state, scope), true);
    return opening && relayForCandidate(judging, { ...opening, scope });
  }
  const row = platform.unproven >= 0 ? platform.unproven : first?.[1];
  if (row === undefined) return undefined;
  const isOnly = platform.unproven < 0 && byTenant.size === 1 && first;
  return unprovenSender(judging, row, isOnly ? { tenantId: first[0] as TenantId } : {});
}

/** The sender's domain is nobody's verified own, or there is no sender. */
function relayForStranger(judging: Judging): RelayDecision {
  const { facts, state } = judging;
  const sender = facts.sender?.address.toLowerCase() ?? "";
  const platform = platformOpening(judging);
  if (platform) return { grant: { ...platform, account: {}, chain: platformChain } };
  const hostCounts = sender !== "" && state.localHostsScopes > 0;
  if (hostCounts && facts.host === undefined) {
    ask(judging, "host");
    return undefined;
  }
  const candidates = tenantsNamingPeer(judging);
  const [first, second] = candidates;
  if (first && second) {
    return refusal(judging, "relay-ambiguous", { step, outcome: "refuse", detail: "several tenants name the peer" });
  }
  if (first) return relayForCandidate(judging, first);
  const platformMode = (): TraceLine => settingLine(judging, platformChain, "relayMode", "refuse");
  if (sender === "") return refusal(judging, "relay-null-sender", platformMode());
  const byEntry = relayBySenderEntry(judging, sender);
  if (byEntry || judging.needs.length > 0) return byEntry;
  if (hostCounts && facts.host?.status === "failed") return hostUnavailable(judging, platformChain, {});
  const claimed = facts.senderOwner?.domain;
  if (claimed) {
    return refusal(judging, "sender-domain-unverified", {
      step: "sender-domain",
      outcome: "refuse",
      detail: claimed.name,
    });
  }
  return refusal(judging, "relay-denied", platformMode());
}

/**
 * Decides whether a peer without login may relay, on behalf of exactly one tenant (architecture.md 7.3): the owner of
 * the verified MAIL FROM domain, else the single tenant that names the peer, else the platform where it says so itself.
 */
export function decideRelay(judging: Judging): RelayDecision {
  const { facts } = judging;
  const isNull = facts.sender?.address === "";
  if (!isNull && facts.senderOwner === undefined) {
    ask(judging, "senderOwner");
    return undefined;
  }
  const owner = isNull ? undefined : facts.senderOwner?.domain;
  const decision = owner?.verified ? relayForOwner(judging, owner) : relayForStranger(judging);
  const grant = decision?.grant;
  if (grant && facts.relayTenant !== undefined && facts.relayTenant !== grant.account.tenantId) {
    const line: TraceLine = { step, outcome: "refuse", detail: "this transaction relays for another tenant already" };
    return refusal(judging, "relay-ambiguous", line, grant.account);
  }
  return decision;
}
