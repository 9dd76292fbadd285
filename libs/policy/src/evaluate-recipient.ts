import { assert } from "@mailfold/kernel";
import { entryLine, type ListMatch, matchLists } from "./check-lists.ts";
import {
  checkAccess,
  checkLoginRelay,
  checkLoginSender,
  checkNullSender,
  checkSenderForm,
  checkSize,
  settingLine,
} from "./check-sender.ts";
import { decideRelay } from "./decide-relay.ts";
import { checkDenial } from "./evaluate-session.ts";
import { type Account, type Finding, type Judging, note, type Routing, refuse } from "./judging.ts";
import { chainOf, type ScopeChain, settingValue } from "./policy-state.ts";
import type { DomainFact, RecipientFact, TraceLine } from "./types.ts";

/** What RCPT came to: a finding, on an account, and for an accepted recipient its route and the scopes that apply. */
export interface RecipientOutcome extends Routing {
  readonly finding: Finding;
  readonly account: Account;
  readonly chain: ScopeChain;
}

function refused(finding: Finding, account: Account): RecipientOutcome {
  return { finding, account, chain: [] };
}

/** Kill list and null sender along a chain, both beaten by an accept entry. */
function checkPeer(judging: Judging, chain: ScopeChain): { finding?: Finding; match: ListMatch } {
  const match = matchLists(judging, chain, true);
  if (judging.needs.length > 0) return { match };
  if (match.accept >= 0) {
    note(judging, () => entryLine(judging, match.accept, "match", "accept-list"));
    return { match };
  }
  if (match.kill >= 0) {
    const line = entryLine(judging, match.kill, "refuse", "kill-list");
    return { match, finding: refuse(judging, "kill-listed", "rcpt", line) };
  }
  note(judging, () => ({ step: "lists", outcome: "pass" }));
  const finding = checkNullSender(judging, chain);
  return finding ? { match, finding } : { match };
}

/** Recipients and size against the sending side's limits: the login's, else those of the chain that is asked. */
function checkLimits(judging: Judging, chain: ScopeChain): Finding | undefined {
  const { facts, state } = judging;
  const limits = facts.login ? chainOf(facts.login) : chain;
  const max = settingValue(state, limits, "maxRecipientsPerMessage") as number;
  if ((facts.recipient?.acceptedBefore ?? 0) >= max) {
    const line = settingLine(judging, limits, "maxRecipientsPerMessage", { step: "recipients", outcome: "refuse" });
    return refuse(judging, "too-many-recipients", "rcpt", line);
  }
  const size = { bytes: facts.sender?.declaredSizeBytes, phase: "mail" } as const;
  return checkSize(judging, limits, size) ?? (limits === chain ? undefined : checkSize(judging, chain, size));
}

function checkMailbox(judging: Judging, found: Exclude<RecipientFact, { kind: "foreign" }>): Finding | undefined {
  const { domainId, tenantId } = found.domain;
  const line = (detail: string, scope: string): TraceLine => {
    return { step: "recipient", outcome: "refuse", setAtScope: scope, detail };
  };
  if (found.domain.tenantInboundOff) {
    return refuse(judging, "tenant-suspended", "rcpt", line("inbound mail is off", tenantId));
  }
  if (found.kind === "unknown") return refuse(judging, "recipient-unknown", "rcpt", line("no such address", domainId));
  const active = found.targets.filter((target) => !target.suspended);
  const only = found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  if (active.length === 0) return refuse(judging, "recipient-suspended", "rcpt", line("suspended", only ?? domainId));
  if (active.every((target) => target.overQuota)) {
    return refuse(judging, "over-quota", "rcpt", line("over quota", only ?? domainId));
  }
  note(judging, () => ({ step: "recipient", outcome: "pass" }));
  return undefined;
}

function recipientChain(domain: DomainFact, found: RecipientFact): ScopeChain {
  const only = found.kind === "local" && found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  return chainOf({ ...domain, ...(only === undefined ? {} : { mailboxId: only }) });
}

/** A recipient of ours. */
function decideLocal(
  judging: Judging,
  found: Exclude<RecipientFact, { kind: "foreign" }>,
  login: Account | undefined,
): RecipientOutcome | undefined {
  const { tenantId, resellerId } = found.domain;
  const account = login ?? { tenantId, resellerId };
  const chain = recipientChain(found.domain, found);
  const { finding: listed, match } = checkPeer(judging, chain);
  if (judging.needs.length > 0) return undefined;
  const finding = listed ?? checkMailbox(judging, found) ?? checkLimits(judging, chain);
  if (finding) return refused(finding, account);
  const listedLine = match.accept >= 0 ? entryLine(judging, match.accept, "match", "accept-list") : undefined;
  const line: TraceLine = listedLine ?? { step: "route", outcome: "pass", detail: "local" };
  return {
    finding: { reason: listedLine ? "accept-listed" : "accepted", phase: "rcpt", line },
    account,
    chain,
    route: "local",
  };
}

/** A recipient elsewhere, sent by a login: it relays in every mode, within its tenant's rules. */
function decideLoginRelay(judging: Judging, login: Account & ScopeOfLogin): RecipientOutcome | undefined {
  const account = { tenantId: login.tenantId, resellerId: login.resellerId };
  const chain = chainOf(login);
  const barred = checkSenderForm(judging, true) ?? checkLoginRelay(judging);
  if (judging.needs.length > 0) return undefined;
  if (barred) return refused(barred, account);
  const { finding: listed } = checkPeer(judging, chain);
  const finding = listed ?? checkLimits(judging, chain);
  if (finding) return refused(finding, account);
  const line: TraceLine = {
    step: "relay",
    outcome: "match",
    setAtScope: login.tenantId,
    detail: `login ${login.mailboxId}`,
  };
  note(judging, () => line);
  const reason = "relay-login";
  return { finding: { reason, phase: "rcpt", line }, account, chain, route: "relay", vouchedBy: "login" };
}
type ScopeOfLogin = Pick<NonNullable<Judging["facts"]["login"]>, "tenantId" | "resellerId" | "domainId" | "mailboxId">;

/** A recipient elsewhere, sent by a peer without login. */
function decidePeerRelay(judging: Judging): RecipientOutcome | undefined {
  const decision = decideRelay(judging);
  if (!decision || judging.needs.length > 0) return undefined;
  if (decision.refusal) {
    // What was found before RCPT is answered first: a killed peer hears that, not that relaying is denied.
    const held = checkPeer(judging, chainOf(decision.account)).finding;
    if (judging.needs.length > 0) return undefined;
    return refused(held ?? decision.refusal, decision.account);
  }
  const { grant } = decision;
  note(judging, () => grant.line);
  const form = checkSenderForm(judging, true);
  if (form) return refused(form, grant.account);
  const { finding: listed } = checkPeer(judging, grant.chain);
  if (judging.needs.length > 0) return undefined;
  const finding = listed ?? checkLimits(judging, grant.chain);
  if (finding) return refused(finding, grant.account);
  return {
    finding: { reason: grant.reason, phase: "rcpt", line: grant.line },
    account: grant.account,
    chain: grant.chain,
    route: "relay",
    vouchedBy: grant.vouchedBy,
  };
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
  return login ? decideLoginRelay(judging, login) : decidePeerRelay(judging);
}
