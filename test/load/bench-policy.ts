import type { DomainId, MailboxId, ResellerId, SenderEntryId, TenantId } from "@mailfold/kernel";
import {
  type CompiledPolicy,
  compilePolicy,
  type DomainFact,
  type EntryInput,
  type Facts,
  type SettingInput,
} from "@mailfold/policy";

export interface PolicyRate {
  readonly tenants: number;
  /** Whole decisions (connect, HELO, MAIL, RCPT of one local recipient) per second. */
  readonly perSecond: number;
}

const tenantOf = (index: number) => `ten_${index}` as TenantId;

function policyOf(tenants: number): CompiledPolicy {
  const settings: SettingInput[] = [];
  const entries: EntryInput[] = [];
  for (let index = 0; index < tenants; index += 1) {
    const scope = { kind: "tenant", id: tenantOf(index) } as const;
    settings.push({ scope, name: "maxRecipientsPerMessage", value: 50 + (index % 50), byEvent: `s${index}` });
    settings.push({ scope, name: "relayMode", value: "addresses", byEvent: `m${index}` });
    settings.push({ scope, name: "relayAddresses", value: [`198.51.${index % 100}.0/24`], byEvent: `r${index}` });
    for (const [list, pattern] of [
      ["kill", `@spam${index}.example`],
      ["kill", `203.0.113.${index % 256}`],
      ["accept", `friend@good${index}.example`],
    ] as const) {
      entries.push({ entryId: `sle_${list}${index}` as SenderEntryId, scope, list, pattern, byEvent: `e${index}` });
    }
  }
  return compilePolicy({ settings, entries });
}

function factsOf(index: number, tenants: number): Facts {
  const tenantId = tenantOf(index % tenants);
  const domain: DomainFact = {
    domainId: `dom_${index % tenants}` as DomainId,
    tenantId,
    resellerId: "rsl_1" as ResellerId,
    name: `t${index % tenants}.example`,
    verified: true,
    tenantInboundOff: false,
    tenantSubmissionOff: false,
  };
  const address = `user@${domain.name}`;
  return {
    at: 1_800_000_000_000,
    listener: "mx",
    ip: `192.0.2.${index % 256}`,
    tls: true,
    helo: "mx.sender.example",
    sender: { address: `someone@sender${index % 1_000}.example`, form: "plain" },
    senderOwner: null,
    host: { status: "confirmed", name: "mx.sender.example" },
    heloName: { status: "found", name: "mx.sender.example" },
    senderDomain: { status: "found", name: "sender.example" },
    spf: { result: "none", identity: "mailfrom", domain: "sender.example" },
    recipient: {
      address,
      form: "plain",
      acceptedBefore: 0,
      found: {
        kind: "local",
        domain,
        targets: [{ mailboxId: "mbx_1" as MailboxId, address, suspended: false, overQuota: false }],
      },
    },
  };
}

export function benchPolicy(seconds: number): readonly PolicyRate[] {
  return [10, 10_000].map((tenants) => {
    const policy = policyOf(tenants);
    const facts = Array.from({ length: 4_096 }, (_, index) => factsOf(index * 7, tenants));
    const startedAt = performance.now();
    let decisions = 0;
    let accepted = 0;
    while (performance.now() - startedAt < seconds * 1_000) {
      for (const each of facts) {
        policy.evaluate("connect", each);
        policy.evaluate("helo", each);
        policy.evaluate("mail", each);
        const evaluation = policy.evaluate("rcpt", each);
        if (evaluation.verdict?.action === "accept") accepted += 1;
        decisions += 1;
      }
    }
    if (accepted === 0) throw new Error("the benchmark's mail is not accepted: it measures refusals");
    return { tenants, perSecond: Math.round(decisions / ((performance.now() - startedAt) / 1_000)) };
  });
}
