import assert from "node:assert/strict";
import type { Scope } from "@mailfold/domain";
import type { DomainId, MailboxId, ResellerId, SenderEntryId, TenantId } from "@mailfold/kernel";
import { compilePolicy } from "./compiled-policy.ts";
import type { SettingInput } from "./policy-changes.ts";
import type { CompiledPolicy, DomainFact, EntryInput, Facts, LoginFact, Phase, Verdict } from "./types.ts";

/** Two tenants, each with a verified domain (a.example, b.example); tenant A also claims claimed.example without proof. */
export const reseller = "rsl_1" as ResellerId;
export const tenantA = "ten_a" as TenantId;
export const tenantB = "ten_b" as TenantId;
export const platformScope: Scope = { kind: "platform" };
export const scopeA: Scope = { kind: "tenant", id: tenantA };
export const scopeB: Scope = { kind: "tenant", id: tenantB };
export const domainScopeA: Scope = { kind: "domain", id: "dom_a" as DomainId };

/** A domain of a tenant, verified unless said otherwise. */
function domainOf(tenantId: TenantId, more: Partial<DomainFact> = {}): DomainFact {
  const key = tenantId.slice(4);
  return {
    domainId: `dom_${key}` as DomainId,
    tenantId,
    resellerId: reseller,
    name: `${key}.example`,
    verified: true,
    tenantInboundOff: false,
    tenantSubmissionOff: false,
    ...more,
  };
}
export const domainA = domainOf(tenantA);
export const domainB = domainOf(tenantB);
export const claimed = domainOf(tenantA, { domainId: "dom_c" as DomainId, name: "claimed.example", verified: false });

/** A mailbox's login. */
export function loginOf(tenantId: TenantId, more: Partial<LoginFact> = {}): LoginFact {
  const key = tenantId.slice(4);
  return {
    mailboxId: `mbx_${key}` as MailboxId,
    tenantId,
    resellerId: reseller,
    domainId: `dom_${key}` as DomainId,
    address: `joe@${key}.example`,
    ownAddresses: [`joe@${key}.example`, `info@${key}.example`],
    submissionOff: false,
    ...more,
  };
}

type Recipient = NonNullable<Facts["recipient"]>;
/** A recipient of tenant A. */
export function localRecipient(target: { suspended?: boolean; overQuota?: boolean } = {}): Recipient {
  const { suspended = false, overQuota = false } = target;
  const mailbox = { mailboxId: "mbx_a" as MailboxId, address: "joe@a.example", suspended, overQuota };
  const found = { kind: "local", domain: domainA, targets: [mailbox] } as const;
  return { address: "joe@a.example", form: "plain", found, acceptedBefore: 0 };
}
export const foreignRecipient: Recipient = {
  address: "u@elsewhere.example",
  form: "plain",
  found: { kind: "foreign" },
  acceptedBefore: 0,
};

/** A stranger at 192.0.2.7 who sends from joe@ext.example to tenant A. */
export function factsOf(more: Partial<Facts> & { readonly from?: string } = {}): Facts {
  const { from = "joe@ext.example", ...rest } = more;
  return {
    at: 1_000,
    listener: "mx",
    ip: "192.0.2.7",
    tls: true,
    helo: "mail.ext.example",
    sender: { address: from, form: "plain" },
    recipient: localRecipient(),
    content: contentOf(from),
    ...rest,
  };
}

/** A small, correct message. */
export function contentOf(
  from: string,
  more: Partial<NonNullable<Facts["content"]>> = {},
): NonNullable<Facts["content"]> {
  return {
    sizeBytes: 2_000,
    bareLineEnd: false,
    from: [from === "" ? "mailer-daemon@ext.example" : from],
    replyTo: [],
    fromCount: 1,
    received: 1,
    deliveredTo: [],
    broken: false,
    ...more,
  };
}

/** What the edge would find out when asked. */
export interface Lookups {
  readonly host?: NonNullable<Facts["host"]>;
  readonly tenantsOff?: readonly TenantId[];
}

function ownerOf(address: string, lookups: Lookups): NonNullable<Facts["senderOwner"]> | null {
  const name = address.split("@")[1];
  const domain = [domainA, domainB, claimed].find((known) => known.name === name);
  if (!domain) return null;
  const tenantSubmissionOff = lookups.tenantsOff?.includes(domain.tenantId) ?? false;
  return { domain: { ...domain, tenantSubmissionOff }, isAddress: address.startsWith("joe@") };
}

function hostOf({ host, tenantsOff }: Lookups): NonNullable<Facts["host"]> {
  if (host?.status !== "confirmed" || !host.owner) return host ?? { status: "none" };
  const tenantSubmissionOff = tenantsOff?.includes(host.owner.tenantId) ?? false;
  return { ...host, owner: { ...host.owner, tenantSubmissionOff } };
}

/** Evaluates like an edge: answers needs until there is a verdict, and fails when a fact is asked for twice. */
export function verdictOn(policy: CompiledPolicy, phase: Phase, facts: Facts, lookups: Lookups = {}): Verdict {
  let known = facts;
  const asked = new Set<string>();
  for (;;) {
    const answer = policy.evaluate(phase, known);
    if (answer.verdict) return answer.verdict;
    assert.ok(answer.needs.length > 0);
    for (const need of answer.needs) {
      assert.ok(!asked.has(need), `${need} is asked for twice`);
      asked.add(need);
      if (need === "host") known = { ...known, host: hostOf(lookups) };
      if (need === "senderOwner") known = { ...known, senderOwner: ownerOf(known.sender?.address ?? "", lookups) };
      if (need === "peerTenant") {
        assert.ok(answer.tenantId);
        const submissionOff = lookups.tenantsOff?.includes(answer.tenantId) ?? false;
        known = { ...known, peerTenant: { tenantId: answer.tenantId, resellerId: reseller, submissionOff } };
      }
    }
  }
}

let eventNumber = 0;
/** A setting at a scope. */
export function setting(scope: Scope, name: string, value: SettingInput["value"]): SettingInput {
  return { scope, name, value, byEvent: `evt-${name}-${++eventNumber}` };
}
/** A list entry at a scope. */
export function entry(
  scope: Scope,
  list: "accept" | "kill",
  pattern: string,
  more: Partial<EntryInput> = {},
): EntryInput {
  const entryId = `sle_${++eventNumber}` as SenderEntryId;
  return { entryId, scope, list, pattern, byEvent: `evt-${pattern}`, ...more };
}
/** A policy of settings and entries. */
export function policyOf(...inputs: readonly (SettingInput | EntryInput)[]): CompiledPolicy {
  return compilePolicy({
    settings: inputs.filter((input): input is SettingInput => "name" in input),
    entries: inputs.filter((input): input is EntryInput => "entryId" in input),
  });
}
