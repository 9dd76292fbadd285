import type { TenantId } from "@mailfold/kernel";
import { checkSize, settingLine } from "./check-sender.ts";
import { type Account, ask, type Finding, type Judging, refuse } from "./judging.ts";
import type { PeerStanding } from "./peer-standing.ts";
import { chainOf, type ScopeChain, settingValue } from "./policy-state.ts";
import type { TraceLine } from "./types.ts";

/** Reasons of limits on what a login sends: its own tenant hears of them, not the recipient's. */
export const sendersLimits: ReadonlySet<string> = new Set([
  "too-many-recipients",
  "rate-limited-mailbox",
  "rate-limited-tenant",
]);

/** Recipients and size against the sending side's limits: the login's, else those of the chain that is asked. */
export function checkLimits(judging: Judging, chain: ScopeChain): Finding | undefined {
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

/**
 * Recipients in the last hour, of a login's mailbox and of the tenant that sends (a login's, or the one that a peer relays
 * for). Asks for `counters` at RCPT, the phase in which recipients are taken.
 */
export function checkRates(judging: Judging, chain: ScopeChain, account: Account): Finding | undefined {
  const { facts, phase, state } = judging;
  const { counters, login } = facts;
  if (account.tenantId === undefined) return undefined;
  const perMailbox = login === undefined ? 0 : (settingValue(state, chain, "recipientsPerHour") as number);
  const perTenant = settingValue(state, chain, "tenantRecipientsPerHour") as number;
  if (perMailbox === 0 && perTenant === 0) return undefined;
  if (counters === undefined) {
    if (phase === "rcpt") ask(judging, "counters", { tenantId: account.tenantId });
    return undefined;
  }
  const { mailboxRecipients = 0, tenantRecipients = 0 } = counters;
  if (perMailbox > 0 && mailboxRecipients >= perMailbox) {
    const detail = `${mailboxRecipients} recipients in the last hour, limit ${perMailbox}`;
    const line = settingLine(judging, chain, "recipientsPerHour", { step: "rate", outcome: "refuse", detail });
    return refuse(judging, "rate-limited-mailbox", "rcpt", line);
  }
  if (perTenant > 0 && tenantRecipients >= perTenant) {
    const detail = `${tenantRecipients} recipients in the last hour, limit ${perTenant}`;
    const line = settingLine(judging, chain, "tenantRecipientsPerHour", { step: "rate", outcome: "refuse", detail });
    return refuse(judging, "rate-limited-tenant", "rcpt", line);
  }
  return undefined;
}

/** Bounces of mail that was sent on, in an hour: real ones are few, and whoever has such an address can write to it. */
const bouncesToAddressMax = 10;
const bouncesOfTenantMax = 200;

/** Bounces returned in the last hour. They have counters of their own, so that nobody uses up a tenant's recipients with them. */
export function checkBounceRates(judging: Judging, tenantId: TenantId): Finding | undefined {
  const { counters } = judging.facts;
  if (counters === undefined) {
    if (judging.phase === "rcpt") ask(judging, "counters", { tenantId });
    return undefined;
  }
  const { bouncesToAddress = 0, bouncesOfTenant = 0 } = counters;
  if (bouncesToAddress < bouncesToAddressMax && bouncesOfTenant < bouncesOfTenantMax) return undefined;
  const detail = `${bouncesToAddress} bounces to this address in the last hour, ${bouncesOfTenant} in all`;
  const line: TraceLine = { step: "rate", outcome: "refuse", setAtScope: tenantId, detail };
  return refuse(judging, "rate-limited-bounces", "rcpt", line);
}

/** How long the answer to this recipient waits (recipientDelayMs), undefined = not at all. */
export function recipientDelayMs(judging: Judging, chain: ScopeChain, standing: PeerStanding): number | undefined {
  const { facts, phase, state } = judging;
  if (phase !== "rcpt" || standing === "login" || (facts.recipient?.acceptedBefore ?? 0) === 0) return undefined;
  const delayMs = settingValue(state, chain, "recipientDelayMs") as number;
  return delayMs > 0 ? delayMs : undefined;
}
