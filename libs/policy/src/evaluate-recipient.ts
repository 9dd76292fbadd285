import { assert } from "@mailfold/kernel";
import { checkGreylist } from "./check-greylist.ts";
import { checkLearnedPeer } from "./check-learned.ts";
import { checkBounceRates, checkLimits, checkRates, recipientDelayMs, sendersLimits } from "./check-limits.ts";
import { acceptedBy, entryLine, isHostMissing, type ListMatch, matchLists } from "./check-lists.ts";
import { checkMailbox } from "./check-mailbox.ts";
import { checkAccess, checkLoginRelay, checkLoginSender, checkNullSender, checkSenderForm } from "./check-sender.ts";
import { decideRelay } from "./decide-relay.ts";
import { askAboutPeer, checkPeer } from "./evaluate-peer.ts";
import { checkDenial } from "./evaluate-session.ts";
import { type Account, ask, type Finding, type Judging, note, type Routing, refuse } from "./judging.ts";
import { type PeerStanding, receivingStanding, sendingStanding } from "./peer-standing.ts";
import { chainOf, type ScopeChain } from "./policy-state.ts";
import type { RelayGrant } from "./relay-grant.ts";
import type { DomainFact, RecipientFact, ScopePath, TraceLine } from "./types.ts";

/** For whom and by whose policy a recipient is judged. */
interface Judged {
  readonly account: Account;
  /** Scopes whose settings apply, narrowest first; empty when nobody's do. */
  readonly chain: ScopeChain;
  /** Scopes whose rules apply: the recipient's, or for mail that leaves the sending tenant's and those above. */
  readonly path: ScopePath;
  readonly standing: PeerStanding;
}

/** What RCPT came to: a finding, and for an accepted recipient its route. */
export interface RecipientOutcome extends Routing, Judged {
  readonly finding: Finding;
  /** An accept entry spares the message from authentication policy, scores and thresholds. */
  readonly isAccepted: boolean;
  readonly delayMs?: number;
}

function refused(finding: Finding, account: Account): RecipientOutcome {
  return { finding, account, chain: [], path: {}, standing: "foreign", isAccepted: false };
}

/** An outcome of a recipient whose policy is known: its answer may be delayed. */
function told(judging: Judging, of: Judged, outcome: Routing & Pick<RecipientOutcome, "finding" | "isAccepted">) {
  const delayMs = outcome.isAccepted ? undefined : recipientDelayMs(judging, of.chain, of.standing);
  return { ...of, ...outcome, ...(delayMs === undefined ? {} : { delayMs }) };
}

/** Kill list and null sender along a chain, of a peer that no accept entry names. */
function checkKilled(judging: Judging, chain: ScopeChain, match: ListMatch): Finding | undefined {
  if (match.kill >= 0)
    return refuse(judging, "kill-listed", "rcpt", entryLine(judging, match.kill, "refuse", "kill-list"));
  note(judging, () => ({ step: "lists", outcome: "pass" }));
  return checkNullSender(judging, chain);
}

/** Scopes of a recipient; of an alias with several mailboxes those of its domain. */
function recipientPath(domain: DomainFact, found: RecipientFact): ScopePath {
  const { domainId, resellerId, tenantId } = domain;
  const only = found.kind === "local" && found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  return { resellerId, tenantId, domainId, ...(only === undefined ? {} : { mailboxId: only }) };
}

/** All that may speak against a peer that no accept entry names; undefined also while facts are missing. */
function checkStranger(judging: Judging, { chain, standing }: Judged): Finding | undefined {
  const listed = checkLearnedPeer(judging, chain, standing);
  if (listed) return listed;
  askAboutPeer(judging, chain, standing);
  if (judging.needs.length > 0) return undefined;
  const { finding, isWelcome } = checkPeer(judging, chain, standing);
  return finding ?? (isWelcome ? undefined : checkGreylist(judging, chain, standing));
}

/**
 * A recipient of ours. Whoever does not exist or cannot take mail is refused before anything is looked up. The verdict is
 * the recipient's tenant's, also on mail of another tenant's login: its policy decided, and its filters are in the facts.
 */
function decideLocal(
  judging: Judging,
  found: Exclude<RecipientFact, { kind: "foreign" }>,
  login: Account | undefined,
): RecipientOutcome | undefined {
  const { tenantId, resellerId } = found.domain;
  const path = recipientPath(found.domain, found);
  const chain = chainOf(path);
  const of: Judged = {
    account: { tenantId, resellerId },
    chain,
    path,
    standing: receivingStanding(judging, chain),
  };
  const { standing } = of;
  const refusedBy = (finding: Finding): RecipientOutcome => {
    const account = sendersLimits.has(finding.reason) && login !== undefined ? login : of.account;
    return told(judging, { ...of, account }, { finding, isAccepted: false });
  };
  const match = matchLists(judging, chain, standing);
  const isListed = match.accept >= 0 || match.acceptSender >= 0;
  const needsHost = match.accept < 0 && isHostMissing(judging, chain, standing);
  const isStranger = !isListed && !needsHost;
  const refusal =
    (isStranger ? checkKilled(judging, chain, match) : undefined) ??
    checkMailbox(judging, chain, found) ??
    checkLimits(judging, chain);
  if (refusal) return refusedBy(refusal);
  if (needsHost) ask(judging, "host");
  const row = acceptedBy(judging, match, standing);
  // All look-ups in one round, where they are likely to be needed.
  if (needsHost && !isListed && match.kill < 0) askAboutPeer(judging, chain, standing);
  if (judging.needs.length > 0) return undefined;
  const against =
    row >= 0
      ? undefined
      : ((isStranger ? undefined : checkKilled(judging, chain, match)) ?? checkStranger(judging, of));
  const finding = against ?? (judging.facts.login ? checkLoginRates(judging) : undefined);
  if (judging.needs.length > 0) return undefined;
  if (finding) return refusedBy(finding);
  const line: TraceLine =
    row >= 0 ? entryLine(judging, row, "match", "accept-list") : { step: "route", outcome: "pass", detail: "local" };
  note(judging, () => line);
  const reason = row >= 0 ? "accept-listed" : "accepted";
  return told(judging, of, { finding: { reason, phase: "rcpt", line }, isAccepted: row >= 0, route: "local" });
}

/** What a login may send in an hour counts for recipients here and elsewhere. */
function checkLoginRates(judging: Judging): Finding | undefined {
  const { login } = judging.facts;
  return login && checkRates(judging, chainOf(login), { tenantId: login.tenantId, resellerId: login.resellerId });
}

/** A recipient elsewhere, sent by a login: it relays in every mode, within its tenant's rules. */
function decideLoginRelay(judging: Judging, login: Account & ScopeOfLogin): RecipientOutcome | undefined {
  const account = { tenantId: login.tenantId, resellerId: login.resellerId };
  const of: Judged = { account, chain: chainOf(login), path: account, standing: "login" };
  const barred = checkSenderForm(judging, true) ?? checkLoginRelay(judging);
  if (judging.needs.length > 0) return undefined;
  if (barred) return refused(barred, account);
  const match = matchLists(judging, of.chain, of.standing);
  const finding =
    (match.acceptSender < 0 ? checkKilled(judging, of.chain, match) : undefined) ??
    checkLimits(judging, of.chain) ??
    checkLoginRates(judging);
  if (judging.needs.length > 0) return undefined;
  if (finding) return refused(finding, account);
  const line: TraceLine = {
    step: "relay",
    outcome: "match",
    setAtScope: login.tenantId,
    detail: `login ${login.mailboxId}`,
  };
  note(judging, () => line);
  const passed: Finding = { reason: "relay-login", phase: "rcpt", line };
  // An accept entry for an own sender spares from no filter: a stolen login would send as that sender.
  return { ...of, finding: passed, isAccepted: false, route: "relay", vouchedBy: "login" };
}
type ScopeOfLogin = Pick<NonNullable<Judging["facts"]["login"]>, "tenantId" | "resellerId" | "domainId" | "mailboxId">;

/** Grants that rest on the sender's address alone, which is easily forged: the peer is looked at like any other. */
const unproven: ReadonlySet<string> = new Set(["relay-local-user", "relay-anyone"]);

/** Whether an accept entry names a peer that may relay; who relays by an entry or IP needs no further proof. */
function acceptedForRelay(judging: Judging, grant: RelayGrant, match: ListMatch, standing: PeerStanding): number {
  if (unproven.has(grant.reason)) return acceptedBy(judging, match, standing);
  return match.accept >= 0 ? match.accept : match.acceptSender;
}

/** A recipient elsewhere, sent by a peer without login. */
function decidePeerRelay(judging: Judging): RecipientOutcome | undefined {
  const decision = decideRelay(judging);
  if (!decision || judging.needs.length > 0) return undefined;
  const standing = sendingStanding(judging);
  if (decision.refusal) {
    // What was found before RCPT is answered first: a killed peer hears that, not that relaying is denied.
    const chain = chainOf(decision.account);
    const match = matchLists(judging, chain, standing);
    const isListed = match.accept >= 0 || match.acceptSender >= 0;
    const held = isListed ? undefined : checkKilled(judging, chain, match);
    return refused(held ?? decision.refusal, decision.account);
  }
  const { grant } = decision;
  const of: Judged = { account: grant.account, chain: grant.chain, path: grant.account, standing };
  note(judging, () => grant.line);
  const form = checkSenderForm(judging, true);
  if (form) return refused(form, grant.account);
  const match = matchLists(judging, grant.chain, standing);
  if (match.accept < 0 && isHostMissing(judging, grant.chain, standing)) ask(judging, "host");
  const row = acceptedForRelay(judging, grant, match, standing);
  if (judging.needs.length > 0) return undefined;
  const isJudged = row < 0 && unproven.has(grant.reason);
  if (isJudged && match.kill < 0) askAboutPeer(judging, grant.chain, standing);
  if (judging.needs.length > 0) return undefined;
  const finding =
    (row < 0 ? checkKilled(judging, grant.chain, match) : undefined) ??
    checkLimits(judging, grant.chain) ??
    (isJudged ? checkPeer(judging, grant.chain, standing).finding : undefined) ??
    checkRates(judging, grant.chain, grant.account);
  if (judging.needs.length > 0) return undefined;
  if (finding) return told(judging, of, { finding, isAccepted: false });
  const { line, reason, vouchedBy } = grant;
  const passed: Finding = { reason, phase: "rcpt", line };
  return told(judging, of, { finding: passed, isAccepted: row >= 0, route: "relay", vouchedBy });
}

/**
 * A bounce of mail that one of our domains sent on: back to its sender, on that domain's account. Anybody may have got such an
 * address and write anything to it, so the peer is looked at like any other, and few are returned.
 */
function decideReturn(judging: Judging, domain: DomainFact): RecipientOutcome | undefined {
  const { tenantId, resellerId, domainId } = domain;
  const account = { tenantId, resellerId };
  const of: Judged = {
    account,
    chain: chainOf({ ...account, domainId }),
    path: account,
    standing: sendingStanding(judging),
  };
  if (!domain.verified || judging.facts.listener !== "mx") {
    const line: TraceLine = { step: "recipient", outcome: "refuse", setAtScope: domainId, detail: "no such address" };
    return told(judging, of, { finding: refuse(judging, "recipient-unknown", "rcpt", line), isAccepted: false });
  }
  const match = matchLists(judging, of.chain, of.standing);
  const isListed = match.accept >= 0 || match.acceptSender >= 0;
  if (!isListed && match.kill < 0) {
    if (isHostMissing(judging, of.chain, of.standing)) ask(judging, "host");
    askAboutPeer(judging, of.chain, of.standing);
  }
  const off: TraceLine = { step: "tenant", outcome: "refuse", setAtScope: tenantId };
  const refusal =
    (domain.tenantInboundOff ? refuse(judging, "tenant-suspended", "rcpt", off) : undefined) ??
    (isListed ? undefined : checkKilled(judging, of.chain, match)) ??
    checkLimits(judging, of.chain) ??
    checkBounceRates(judging, tenantId);
  if (judging.needs.length > 0) return undefined;
  const finding =
    refusal ??
    (isListed
      ? undefined
      : (checkLearnedPeer(judging, of.chain, of.standing) ?? checkPeer(judging, of.chain, of.standing).finding));
  if (finding) return told(judging, of, { finding, isAccepted: false });
  const line: TraceLine = { step: "relay", outcome: "match", setAtScope: domainId, detail: "bounce of forwarded mail" };
  note(judging, () => line);
  const passed: Finding = { reason: "bounce-returned", phase: "rcpt", line };
  return told(judging, of, { finding: passed, isAccepted: false, route: "relay", vouchedBy: "none" });
}

/** Judges one recipient from all facts so far, those of earlier phases included; undefined while facts are missing. */
export function decideRecipient(judging: Judging): RecipientOutcome | undefined {
  const { facts } = judging;
  const { recipient, login, sender } = facts;
  assert(recipient !== undefined && sender !== undefined, "a recipient is judged by its sender and recipient facts");
  const { found } = recipient;
  const own: Account | undefined = login && { tenantId: login.tenantId, resellerId: login.resellerId };
  const of =
    found.kind === "foreign" ? undefined : { tenantId: found.domain.tenantId, resellerId: found.domain.resellerId };
  const account = own ?? of ?? {};
  const early = checkDenial(judging) ?? checkAccess(judging);
  if (early) return refused(early, account);
  if (recipient.form !== "plain") {
    const line: TraceLine = { step: "address", outcome: "refuse", detail: recipient.form };
    return refused(refuse(judging, "address-form", "rcpt", line), account);
  }
  const barred = checkSenderForm(judging, false) ?? checkLoginSender(judging);
  if (judging.needs.length > 0) return undefined;
  if (barred) return refused(barred, account);
  if (found.kind !== "foreign") return decideLocal(judging, found, own);
  if (found.isOwnHost === true) {
    const line: TraceLine = { step: "recipient", outcome: "refuse", detail: "nobody at this host" };
    return refused(refuse(judging, "recipient-unknown", "rcpt", line), account);
  }
  if (login) return decideLoginRelay(judging, login);
  const isReturn = sender.address === "" && found.bounceFor !== undefined;
  return isReturn ? decideReturn(judging, found.bounceFor) : decidePeerRelay(judging);
}
