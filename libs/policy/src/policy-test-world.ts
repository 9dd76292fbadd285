import assert from "node:assert/strict";
import type { Scope } from "@mailfold/domain";
import type { DomainId, MailboxId, ResellerId, SenderEntryId, TenantId } from "@mailfold/kernel";
import { compilePolicy } from "./compiled-policy.ts";
import type { AuthenticationFact, ClassifierFact, ContentFindingFact, RulesFact, ScanFact } from "./content-facts.ts";
import type { CounterFact, DnsListFact, GreylistFact, NameFact, SpfFact } from "./peer-facts.ts";
import type { SettingInput } from "./policy-changes.ts";
import type {
  CompiledPolicy,
  DomainFact,
  EntryInput,
  Facts,
  LoginFact,
  MissingFacts,
  Need,
  Phase,
  Verdict,
} from "./types.ts";

/** Two tenants, each with a verified domain (a.example, b.example); tenant A also claims claimed.example without proof. */
export const reseller = "rsl_1" as ResellerId;
export const tenantA = "ten_a" as TenantId;
export const tenantB = "ten_b" as TenantId;
export const platformScope: Scope = { kind: "platform" };
export const scopeA: Scope = { kind: "tenant", id: tenantA };
export const scopeB: Scope = { kind: "tenant", id: tenantB };
export const resellerScope: Scope = { kind: "reseller", id: reseller };
export const mailboxScopeA: Scope = { kind: "mailbox", id: "mbx_a" as MailboxId };
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

/** What the edge would find out when asked; what is not said is as it is for a well-kept sender of plain mail. */
export interface Lookups {
  readonly host?: NonNullable<Facts["host"]>;
  readonly tenantsOff?: readonly TenantId[];
  readonly heloName?: NameFact["status"];
  readonly senderDomain?: NameFact["status"];
  readonly spf?: SpfFact["result"];
  /** Results by zone; `clear` else. */
  readonly dnsLists?: Readonly<Record<string, DnsListFact["result"]>>;
  readonly counters?: CounterFact;
  readonly greylist?: GreylistFact["status"];
  readonly authentication?: AuthenticationFact;
  readonly scan?: ScanFact;
  readonly classifier?: ClassifierFact;
  readonly findings?: readonly ContentFindingFact[];
  readonly rules?: RulesFact;
}

/** Authentication of a message that proves nothing, unless said otherwise. */
export function authenticationOf(more: Partial<AuthenticationFact> = {}): AuthenticationFact {
  return {
    spf: { result: "none", identity: "mailfrom", domain: "ext.example" },
    dkim: [],
    dmarc: { result: "none", domain: "ext.example" },
    arc: { result: "none", sealers: [] },
    ...more,
  };
}

function ownerOf(address: string, lookups: Lookups): NonNullable<Facts["senderOwner"]> | null {
  const name = address.split("@")[1];
  const domain = [domainA, domainB, claimed].find((known) => known.name === name);
  if (!domain) return null;
  const tenantSubmissionOff = lookups.tenantsOff?.includes(domain.tenantId) ?? false;
  return { domain: { ...domain, tenantSubmissionOff }, isAddress: address.startsWith("joe@") };
}

function hostOf({ host, tenantsOff }: Lookups): NonNullable<Facts["host"]> {
  if (host?.status !== "confirmed" || !host.owner) return host ?? { status: "confirmed", name: "mail.sender.example" };
  const tenantSubmissionOff = tenantsOff?.includes(host.owner.tenantId) ?? false;
  return { ...host, owner: { ...host.owner, tenantSubmissionOff } };
}

function domainOfAddress(address = ""): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** Answers of the edge, one for each need. */
const answers: { readonly [Name in Need]: (facts: Facts, lookups: Lookups, missing: MissingFacts) => Partial<Facts> } =
  {
    host: (_facts, lookups) => ({ host: hostOf(lookups) }),
    senderOwner: (facts, lookups) => ({ senderOwner: ownerOf(facts.sender?.address ?? "", lookups) }),
    peerTenant: (_facts, lookups, { tenantId }) => {
      assert.ok(tenantId);
      const submissionOff = lookups.tenantsOff?.includes(tenantId) ?? false;
      return { peerTenant: { tenantId, resellerId: reseller, submissionOff } };
    },
    heloName: (facts, lookups) => ({ heloName: { status: lookups.heloName ?? "found", name: facts.helo ?? "" } }),
    senderDomain: (facts, lookups) => ({
      senderDomain: { status: lookups.senderDomain ?? "found", name: domainOfAddress(facts.sender?.address) },
    }),
    spf: (facts, lookups) => {
      const address = facts.sender?.address ?? "";
      const identity = address === "" ? "helo" : "mailfrom";
      return { spf: { result: lookups.spf ?? "none", identity, domain: domainOfAddress(address) } };
    },
    dnsLists: (_facts, lookups, { zones = [] }) => ({
      dnsLists: zones.map(({ zone }) => ({ zone, result: lookups.dnsLists?.[zone] ?? "clear" })),
    }),
    counters: (_facts, lookups) => ({ counters: lookups.counters ?? {} }),
    greylist: (_facts, lookups) => ({ greylist: { status: lookups.greylist ?? "known" } }),
    authentication: (facts, lookups) =>
      contentWith(facts, { authentication: lookups.authentication ?? authenticationOf() }),
    scan: (facts, lookups) => contentWith(facts, { scan: lookups.scan ?? {} }),
    classify: (facts, lookups) =>
      contentWith(facts, { classifier: lookups.classifier ?? { verdict: "untrained", probability: 0.5, tokens: [] } }),
    findings: (facts, lookups) => contentWith(facts, { findings: lookups.findings ?? [] }),
    rules: (facts, lookups) =>
      contentWith(facts, { rules: lookups.rules ?? { actions: [], matched: [], undecided: [] } }),
  };

function contentWith(facts: Facts, more: Partial<NonNullable<Facts["content"]>>): Partial<Facts> {
  assert.ok(facts.content);
  return { content: { ...facts.content, ...more } };
}

/** What an evaluation with look-ups came to. */
export interface WholeEvaluation {
  readonly verdict: Verdict;
  readonly facts: Facts;
  /** What was asked, one entry for each round. */
  readonly rounds: readonly MissingFacts[];
}

/** Evaluates like an edge: answers needs until there is a verdict, and fails when a fact is asked for twice. */
export function judgeOn(policy: CompiledPolicy, phase: Phase, facts: Facts, lookups: Lookups = {}): WholeEvaluation {
  let known = facts;
  const asked = new Set<Need>();
  const rounds: MissingFacts[] = [];
  for (;;) {
    const answer = policy.evaluate(phase, known);
    if (answer.verdict) return { verdict: answer.verdict, facts: known, rounds };
    rounds.push(answer);
    assert.ok(answer.needs.length > 0);
    for (const need of answer.needs) {
      assert.ok(!asked.has(need), `${need} is asked for twice`);
      asked.add(need);
      known = { ...known, ...answers[need](known, lookups, answer) };
    }
  }
}

/** The verdict alone. */
export function verdictOn(policy: CompiledPolicy, phase: Phase, facts: Facts, lookups: Lookups = {}): Verdict {
  return judgeOn(policy, phase, facts, lookups).verdict;
}

/** RCPT, then DATA with all that was found out, as a session goes; a refusal at RCPT is the end. */
export function transactionOn(policy: CompiledPolicy, facts: Facts, lookups: Lookups = {}): Verdict {
  const { content, origin, ...envelope } = facts;
  const atRcpt = judgeOn(policy, "rcpt", envelope, lookups);
  if (atRcpt.verdict.action === "reject" || atRcpt.verdict.action === "defer") return atRcpt.verdict;
  const more = { ...(content ? { content } : {}), ...(origin === undefined ? {} : { origin }) };
  return judgeOn(policy, "data", { ...atRcpt.facts, ...more }, lookups).verdict;
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
