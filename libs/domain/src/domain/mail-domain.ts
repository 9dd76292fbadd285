import type { Decider, Decision, DomainId, TenantId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { parseDomainName } from "../address/parse-address.ts";
import { invalid } from "../input-text.ts";
import type { RefusalCode } from "../refusals.ts";
import type { MailDomainEvent } from "./events.ts";

/** How long an unverified claim stands, ms. */
export const unverifiedClaimMs = 14 * 86_400_000;

/** Outside facts of AddDomain. */
export interface AddDomainFacts {
  readonly tenantExists: boolean;
  /** The name is on the public suffix list. */
  readonly publicSuffix: boolean;
  /** A parent of the name is a domain of another tenant. */
  readonly underOtherTenant: boolean;
  /** Age of the claim that stands now, from its DomainAdded event; absent when none stands. */
  readonly claimAgeMs?: number;
  /** How this tenant has proven the name already; lets it take over another tenant's unverified claim. */
  readonly proof?: "dns" | "platform";
}
/** `verificationValue` is made for this tenant and name, and the same each time, so that it can be published before. */
export interface AddDomain {
  readonly type: "AddDomain";
  readonly domainId: DomainId;
  readonly tenantId: TenantId;
  /** Lower-case A-label form. */
  readonly name: string;
  readonly verificationValue: string;
  readonly facts: AddDomainFacts;
}
/** `proven`: the TXT record holds the value, or the caller has the platform's token. */
export interface VerifyDomain {
  readonly type: "VerifyDomain";
  readonly domainId: DomainId;
  readonly method: "dns" | "platform";
  readonly proven: boolean;
}
/** `addressesInUse`: live mailboxes and aliases in the domain, from the directory. */
export interface RemoveDomain {
  readonly type: "RemoveDomain";
  readonly domainId: DomainId;
  readonly addressesInUse: number;
}
/** Sent by the sweeper; nothing happens before the claim is 14 days old. */
export interface LapseDomainClaim {
  readonly type: "LapseDomainClaim";
  readonly domainId: DomainId;
  readonly claimAgeMs: number;
}
export type MailDomainCommand = AddDomain | VerifyDomain | RemoveDomain | LapseDomainClaim;

/** The claim that stands on a name. */
export interface DomainClaim {
  readonly domainId: DomainId;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly verificationValue: string;
  readonly verified: boolean;
}
export interface MailDomainState {
  /** Absent = the name is free. */
  readonly claim?: DomainClaim;
  /** Tenants whose verified claim ended. Another tenant must verify before it may receive mail for the name. */
  readonly heldBefore: readonly TenantId[];
}
type Answer = Decision<MailDomainEvent, RefusalCode>;

/** Stream `domain-<name>`: one name, one stream, so that a name has one owner. */
export const mailDomain: Decider<MailDomainCommand, MailDomainEvent, MailDomainState, RefusalCode> = {
  name: "mailDomain",
  initialState: { heldBefore: [] },
  decide(command, state) {
    if (command.type === "AddDomain") return add(command, state.claim);
    const { claim } = state;
    if (claim === undefined || claim.domainId !== command.domainId) {
      return refuse("NOT_FOUND", "there is no such domain");
    }
    switch (command.type) {
      case "VerifyDomain":
        return verify(command, claim);
      case "RemoveDomain":
        if (command.addressesInUse > 0) {
          const details = { addressesInUse: command.addressesInUse };
          return refuse("DOMAIN_IN_USE", "mailboxes or aliases still stand in this domain", { details });
        }
        return record({ type: "DomainRemoved", data: claimKeys(claim) });
      case "LapseDomainClaim":
        if (claim.verified || command.claimAgeMs < unverifiedClaimMs) return record();
        return record(lapsed(claim, "expired"));
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    const { claim, heldBefore } = state;
    if (event.type === "DomainAdded") {
      assert(claim === undefined, "a name is added when it is free");
      return { claim: { ...event.data, verified: false }, heldBefore };
    }
    assert(claim?.domainId === event.data.domainId, `${event.type} names the claim that stands`);
    switch (event.type) {
      case "DomainVerified":
        return { claim: { ...claim, verified: true }, heldBefore };
      case "DomainRemoved":
      case "DomainClaimLapsed": {
        const held = claim.verified && !heldBefore.includes(claim.tenantId);
        return { heldBefore: held ? [...heldBefore, claim.tenantId] : heldBefore };
      }
      default:
        return assertNever(event);
    }
  },
};

/** Whether mail for the name is taken in: verified, or unverified on a name that no other tenant held before. */
export function mayReceive(state: MailDomainState): boolean {
  const { claim } = state;
  if (claim === undefined) return false;
  return claim.verified || state.heldBefore.every((tenantId) => tenantId === claim.tenantId);
}

function add(command: AddDomain, claim: DomainClaim | undefined): Answer {
  const { domainId, tenantId, name, verificationValue, facts } = command;
  if (!facts.tenantExists) return refuse("NOT_FOUND", "there is no such tenant", { path: ["tenantId"] });
  const parsed = parseDomainName(name);
  if ("refused" in parsed) return parsed;
  if (parsed.name !== name) return { refused: invalid("name", "the name must come in lower case") };
  if (facts.publicSuffix) {
    return refuse("DOMAIN_IS_PUBLIC_SUFFIX", `others register names under ${name}`, { path: ["name"] });
  }
  if (facts.underOtherTenant) {
    return refuse("DOMAIN_UNDER_OTHER_TENANT", "the name lies under another tenant's domain", { path: ["name"] });
  }
  const keys = { domainId, tenantId, name };
  const added: MailDomainEvent = { type: "DomainAdded", data: { ...keys, verificationValue } };
  const verified: readonly MailDomainEvent[] =
    facts.proof === undefined ? [] : [{ type: "DomainVerified", data: { ...keys, method: facts.proof } }];
  if (claim === undefined) return record(added, ...verified);
  if (claim.verified || claim.tenantId === tenantId) {
    return refuse("DOMAIN_TAKEN", "the domain is taken", { path: ["name"], details: { yieldsToProof: false } });
  }
  if (facts.proof !== undefined) return record(lapsed(claim, "proven-by-other"), added, ...verified);
  if ((facts.claimAgeMs ?? 0) >= unverifiedClaimMs) return record(lapsed(claim, "expired"), added);
  return refuse("DOMAIN_TAKEN", "the domain is claimed, but not verified: prove that it is yours and add it again", {
    path: ["name"],
    details: { yieldsToProof: true, recordName: `_mailfold.${name}`, verificationValue },
  });
}

function verify(command: VerifyDomain, claim: DomainClaim): Answer {
  if (claim.verified) return record();
  if (!command.proven) {
    return refuse("DOMAIN_NOT_PROVEN", `no TXT record at _mailfold.${claim.name} holds the value`, {
      details: { recordName: `_mailfold.${claim.name}`, verificationValue: claim.verificationValue },
    });
  }
  return record({ type: "DomainVerified", data: { ...claimKeys(claim), method: command.method } });
}

function lapsed(claim: DomainClaim, cause: "expired" | "proven-by-other"): MailDomainEvent {
  return { type: "DomainClaimLapsed", data: { ...claimKeys(claim), cause } };
}

function claimKeys({ domainId, tenantId, name }: DomainClaim): Pick<DomainClaim, "domainId" | "tenantId" | "name"> {
  return { domainId, tenantId, name };
}
