import { streams } from "@mailfold/events";
import { idFromUuid, newId } from "@mailfold/ids";
import { emptyPolicy, type Facts } from "@mailfold/policy";
import { createOperations } from "../operations/create-operations.ts";
import { type ApiWorld, platformCaller } from "./api-test-world.ts";
import { holdMail } from "./held-mail-test-world.ts";

/** Every kind of object of one tenant. */
export interface TenantObjects {
  readonly reseller: string;
  readonly tenant: string;
  readonly domain: string;
  readonly domainName: string;
  readonly mailbox: string;
  readonly address: string;
  readonly alias: string;
  readonly token: string;
  readonly secret: string;
  readonly entry: string;
  readonly verdict: string;
  /** A copy held for the mailbox. */
  readonly hold: string;
  readonly externalId: string;
  /** The event of a changed setting. */
  readonly change: string;
  /** Changes that are judged beside the tenant's policy. */
  readonly shadow: string;
}

/** A tenant with one of everything, a rejected mail included. */
export async function createTenantObjects(world: ApiWorld, reseller: string, name: string): Promise<TenantObjects> {
  const operations = createOperations(world.deps);
  const externalId = `ext-${name}`;
  const tenant = await operations.tenantCreate(platformCaller, { resellerId: reseller, name, externalId });
  const tenantId = tenant.value?.tenantId ?? "";
  const domainName = `${name}.example`;
  const domain = await operations.domainAdd(platformCaller, { tenantId, name: domainName });
  const domainId = domain.value?.domainId ?? "";
  await operations.domainVerify(platformCaller, { domainId, method: "platform" });
  const address = `user@${domainName}`;
  const mailbox = await operations.mailboxCreate(platformCaller, { tenantId, address, password: "correct horse" });
  const targets = [mailbox.value?.mailboxId ?? ""];
  const alias = await operations.aliasAdd(platformCaller, { tenantId, address: `info@${domainName}`, targets });
  const token = await operations.tokenCreate(platformCaller, { name, scope: { tenantId } });
  const entry = await operations.senderEntryAdd(platformCaller, {
    scope: { tenantId },
    list: "kill",
    pattern: "@spam.example",
  });
  const set = { maxRecipientsPerMessage: 7 };
  const changed = await operations.policyUpdate(platformCaller, { scope: { tenantId }, set });
  const changes = [{ set: { sizeLimitBytes: 65_536 } }];
  const shadow = await operations.shadowStart(platformCaller, { scope: { tenantId }, changes });
  const place = { tenant: tenantId, reseller, domain: domainId, mailbox: targets[0] ?? "", address };
  const hold = await holdMail(world, place);
  const verdict = await rejectMail(world, { ...place, tenantId, domainId, domainName });
  return {
    reseller,
    tenant: tenantId,
    domain: domainId,
    domainName,
    mailbox: targets[0] ?? "",
    address,
    alias: alias.value?.aliasId ?? "",
    token: token.value?.token?.tokenId ?? "",
    secret: token.value?.secret ?? "",
    entry: entry.value?.entryId ?? "",
    verdict,
    change: idFromUuid("event", changed.receipt?.events[0]?.id ?? ""),
    shadow: shadow.value?.shadowId ?? "",
    hold: hold.id,
    externalId,
  };
}

/** Has the real policy reject a mail from a kill-listed sender, and records the verdict as the SMTP edge does. */
export async function rejectMail(
  world: ApiWorld,
  to: { tenantId: string; domainId: string; reseller: string; address: string; domainName: string; mailbox: string },
): Promise<string> {
  const owner = { tenantId: to.tenantId, resellerId: to.reseller };
  const domain = {
    ...owner,
    domainId: to.domainId,
    name: to.domainName,
    verified: true,
    tenantInboundOff: false,
    tenantSubmissionOff: false,
  };
  const targets = [{ mailboxId: to.mailbox, address: to.address, suspended: false, overQuota: false }];
  const facts = {
    at: world.deps.clock.now(),
    listener: "mx",
    ip: "192.0.2.9",
    tls: false,
    host: { status: "none" },
    helo: "mail.spam.example",
    sender: { address: "eve@spam.example", form: "plain" },
    senderOwner: null,
    recipient: { address: to.address, form: "plain", found: { kind: "local", domain, targets }, acceptedBefore: 0 },
  };
  const policy = world.deps.policy.current() ?? emptyPolicy();
  const { verdict } = policy.evaluate("rcpt", facts as unknown as Facts);
  if (verdict === undefined) throw new Error("the policy wants more facts");
  const verdictId = newId("verdict");
  const { outcome: _recomputed, ...decisiveLine } = verdict.decisive;
  const data = {
    verdictId,
    transactionId: newId("message"),
    action: verdict.action,
    code: verdict.code,
    enhancedCode: verdict.enhancedCode,
    text: verdict.text,
    reason: verdict.reason,
    phase: verdict.phase,
    scope: verdict.scope,
    ...(verdict.policyEvent === undefined ? {} : { policyEvent: verdict.policyEvent }),
    engineVersion: verdict.engineVersion,
    decisiveLine,
    facts,
  };
  await world.store.append({
    stream: streams.verdict(to.tenantId as never, facts.at),
    expected: "any",
    events: [
      {
        id: crypto.randomUUID(),
        type: "VerdictRecorded",
        data,
        metadata: { ...owner, actor: { type: "peer", id: "192.0.2.9" } } as never,
        occurredAt: facts.at,
      },
    ],
  });
  await world.fold();
  return verdictId;
}
