import { type Scope, scopeId } from "@mailfold/domain";
import { stateOf } from "../compiled-policy.ts";
import { parseIp } from "../ip-address.ts";
import { scopeKinds } from "../setting-definitions.ts";
import type { CompiledPolicy, Facts, ScopePath, Verdict } from "../types.ts";
import type { ChangePlace } from "./apply-changes.ts";

/** Every scope whose policy can have a say in a verdict on these facts, narrowest first: of recipient, login, sender, host, account. */
export function relevantPlaces(
  facts: Facts,
  account: Pick<Verdict, "tenantId" | "resellerId">,
): readonly ChangePlace[] {
  const { host, login, peerTenant, recipient, senderOwner } = facts;
  const { resellerId, tenantId } = account;
  const found = recipient?.found;
  const domain = found === undefined || found.kind === "foreign" ? found?.bounceFor : found.domain;
  const only = found?.kind === "local" && found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  const paths: ScopePath[] = [];
  if (domain !== undefined) {
    const { domainId, resellerId: above, tenantId: owner } = domain;
    paths.push({ domainId, tenantId: owner, resellerId: above, ...(only === undefined ? {} : { mailboxId: only }) });
  }
  if (login !== undefined) paths.push(pick(login));
  for (const owner of [senderOwner?.domain, host?.status === "confirmed" ? host.owner : undefined]) {
    if (owner !== undefined) paths.push({ tenantId: owner.tenantId, resellerId: owner.resellerId });
  }
  if (peerTenant) paths.push({ tenantId: peerTenant.tenantId, resellerId: peerTenant.resellerId });
  if (tenantId !== undefined) paths.push({ tenantId, ...(resellerId === undefined ? {} : { resellerId }) });
  const places = new Map<string, ChangePlace>();
  for (const path of [...paths, {}]) {
    for (const place of placesOf(path)) if (!places.has(scopeId(place.scope))) places.set(scopeId(place.scope), place);
  }
  return [...places.values()].sort((a, b) => narrowness(b.scope) - narrowness(a.scope));
}

/** Tenants looked at that name one peer or sender: two make it ambiguous whose mail it is. */
const namingMax = 16;

/**
 * Tenants whose own entries or relayAddresses name the peer or the sender of mail that is to leave: its facts name only the
 * one that was chosen, if any was.
 */
export function tenantsNaming(policy: CompiledPolicy, facts: Facts): readonly ChangePlace[] {
  const { at, login, recipient, sender } = facts;
  const ip = parseIp(facts.ip);
  if (login !== undefined || recipient?.found.kind !== "foreign") return [];
  const { lists, settings } = stateOf(policy);
  const found = new Map<string, ChangePlace>();
  const row = (each: number): boolean => {
    const scope = lists.scopeOf(each);
    if (scope.kind === "tenant" && !found.has(scope.id)) {
      const resellerId = settings.get(scope.id)?.resellerId;
      found.set(scope.id, { scope, path: { tenantId: scope.id, ...(resellerId === undefined ? {} : { resellerId }) } });
    }
    return found.size >= namingMax;
  };
  if (ip !== undefined) lists.eachTenantNamingIp(ip, at, row);
  const address = sender?.address.toLowerCase() ?? "";
  if (address !== "") {
    for (const trusting of [true, false]) lists.eachTenantNamingSender(address, trusting, { at, row });
  }
  return [...found.values()];
}

function pick({ domainId, mailboxId, resellerId, tenantId }: Required<ScopePath>): ScopePath {
  return { domainId, mailboxId, resellerId, tenantId };
}

function narrowness({ kind }: Scope): number {
  return scopeKinds.indexOf(kind);
}

/** The scopes of a path, each with those above it. */
function placesOf({ domainId, mailboxId, resellerId, tenantId }: ScopePath): readonly ChangePlace[] {
  const platform: ChangePlace = { scope: { kind: "platform" }, path: {} };
  const places = [platform];
  let path: ScopePath = {};
  const add = (scope: Scope, more: ScopePath): void => {
    path = { ...path, ...more };
    places.push({ scope, path });
  };
  if (resellerId !== undefined) add({ kind: "reseller", id: resellerId }, { resellerId });
  if (tenantId !== undefined) add({ kind: "tenant", id: tenantId }, { tenantId });
  if (domainId !== undefined) add({ kind: "domain", id: domainId }, { domainId });
  if (mailboxId !== undefined) add({ kind: "mailbox", id: mailboxId }, { mailboxId });
  return places;
}
