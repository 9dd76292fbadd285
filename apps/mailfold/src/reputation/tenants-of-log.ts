import type { MailboxCreated, PolicySettingsChanged, TenantCreated } from "@mailfold/domain";
import type { RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import {
  applyPolicyEvent,
  type CompiledPolicy,
  emptyPolicy,
  parseIp,
  parseIpPrefix,
  prefixContains,
} from "@mailfold/policy";
import { defaultLearning, type EvidenceTenant, type LearningSettings, learningProblem } from "@mailfold/reputation";
import type { RecipientOfMail, TrustedBy } from "./sender-of-mail.ts";

/** Events that tell whose evidence counts how: they are kept for good, so this is folded anew at every start. */
export const tenantEventTypes = [
  "TenantCreated",
  "MailboxCreated",
  "MailboxDeleted",
  "MailboxRestored",
  "PolicySettingsChanged",
  "PolicyLimitsChanged",
] as const;

/** Streams that hold them: a log that keeps classes of life apart need not look through the rest. */
export const tenantStreams = ["tenant-", "mailbox-", "policy-"] as const;

interface KnownTenant {
  readonly resellerId: ResellerId;
  readonly createdAt: number;
  readonly mailboxes: Set<string>;
}

const hourMs = 3_600_000;

/** Tenants, how many mailboxes they have, and the settings that learning goes by, as they stand after the events so far. */
export class TenantsOfLog {
  readonly #tenants = new Map<TenantId, KnownTenant>();
  #policy: CompiledPolicy = emptyPolicy();

  /** Takes note of an event of tenantEventTypes; of others nothing. */
  note(event: RecordedEvent): void {
    const tenant = event.metadata.tenantId === undefined ? undefined : this.#tenants.get(event.metadata.tenantId);
    switch (event.type) {
      case "TenantCreated": {
        const { tenantId, resellerId } = event.data as TenantCreated["data"];
        this.#tenants.set(tenantId, { resellerId, createdAt: event.occurredAt, mailboxes: new Set() });
        return;
      }
      case "MailboxCreated":
      case "MailboxRestored":
        tenant?.mailboxes.add((event.data as MailboxCreated["data"]).mailboxId);
        return;
      case "MailboxDeleted":
        tenant?.mailboxes.delete((event.data as MailboxCreated["data"]).mailboxId);
        return;
      case "PolicySettingsChanged":
      case "PolicyLimitsChanged":
        this.#policy = applyPolicyEvent(this.#policy, event as RecordedEvent<PolicySettingsChanged>);
    }
  }

  /** A tenant as evidence shows it; undefined when the log does not know it. */
  tenant(tenantId: TenantId): EvidenceTenant | undefined {
    const known = this.#tenants.get(tenantId);
    if (known === undefined) return undefined;
    const { createdAt, mailboxes, resellerId } = known;
    return { tenantId, resellerId, createdAt, ...(mailboxes.size === 1 ? { onlyMailbox: true } : {}) };
  }

  /** The scope whose trustedRelays name a peer: the platform's own, or what is in force for the tenant. */
  trustedBy(of: RecipientOfMail, ip: string): TrustedBy | undefined {
    if (this.#names({}, ip)) return "platform";
    return this.#names(of, ip) ? "tenant" : undefined;
  }

  #names(path: Partial<RecipientOfMail>, text: string): boolean {
    const relays = this.#policy.value(path, "trustedRelays");
    const ip = parseIp(text);
    if (!Array.isArray(relays) || relays.length === 0 || ip === undefined) return false;
    return relays.some((relay) => {
      const prefix = parseIpPrefix(String(relay));
      return "length" in prefix && prefixContains(prefix, ip);
    });
  }

  /** The settings that a scope's list learns by. */
  learning(scope: "platform" | RecipientOfMail): LearningSettings {
    const path = scope === "platform" ? {} : { tenantId: scope.tenantId, resellerId: scope.resellerId };
    const value = (name: string) => this.#policy.value(path, `learning.${name}`);
    const thresholds = value("thresholds") as { readonly defer: number; readonly reject: number };
    const settings: LearningSettings = {
      learns: value("enabled") === true,
      gives: value("give") === true,
      uses: value("use") === true,
      deferAt: thresholds.defer,
      rejectAt: thresholds.reject,
      minSpamShare: value("minSpamShare") as number,
      halfLifeMs: (value("halfLifeHours") as number) * hourMs,
    };
    return learningProblem(settings) === undefined ? settings : defaultLearning;
  }
}
