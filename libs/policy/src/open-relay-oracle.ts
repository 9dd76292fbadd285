import type { Scope } from "@mailfold/domain";
import type { TenantId } from "@mailfold/kernel";
import { isLoopback, isPrivateAddress, mayOpenRelaying, parseIp, parseIpPrefix, prefixContains } from "./ip-address.ts";
import type { LimitInput, SettingInput } from "./policy-changes.ts";
import { type Lookups, platformScope, resellerScope } from "./policy-test-world.ts";
import type { EntryInput, Facts } from "./types.ts";

/** Raw inputs, unvalidated: what reaches the engine must not matter for safety. */
export interface Inputs {
  readonly settings: readonly SettingInput[];
  readonly limits: readonly LimitInput[];
  readonly entries: readonly EntryInput[];
}

const live = (item: EntryInput, at: number): boolean => item.expiresAt === undefined || item.expiresAt > at;
const same = (a: Scope, b: Scope): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Accept entries in force: the last entry of a scope, list and pattern replaces those before. */
function acceptsOf({ entries }: Inputs, at: number): readonly EntryInput[] {
  return entries.filter(
    (item, index) =>
      live(item, at) &&
      item.list === "accept" &&
      !entries
        .slice(index + 1)
        .some((later) => same(later.scope, item.scope) && later.list === "accept" && later.pattern === item.pattern),
  );
}

/** A scope and those above it, narrowest first. */
function above(scope: Scope): readonly Scope[] {
  if (scope.kind === "platform") return [scope];
  return scope.kind === "reseller" ? [scope, platformScope] : [scope, resellerScope, platformScope];
}

/** The specification said again, naively, over the raw inputs. */
export function oracle(all: Inputs, facts: Facts, found: Lookups) {
  const ip = parseIp(facts.ip);
  const sender = facts.sender?.address ?? "";
  const value = (scope: Scope, name: string) =>
    all.settings.findLast((item) => same(item.scope, scope) && item.name === name)?.value;
  const locks = (scope: Scope, name: string) =>
    all.limits.some((item) => same(item.scope, scope) && item.name === name && item.limit.locked === true);
  const unlocks = (value(platformScope, "unlocks") ?? []) as readonly string[];
  const inNetwork = (text: string, scope: Scope): boolean => {
    const prefix = parseIpPrefix(text);
    if ("problem" in prefix || !ip || !prefixContains(prefix, ip)) return false;
    return scope.kind === "platform" || (mayOpenRelaying(prefix) && !isLoopback(ip));
  };
  const accepts = acceptsOf(all, facts.at);
  /** The scope whose value is in force: the nearest that sets it and is not below a lock. */
  const source = (scope: Scope, name: string): Scope | undefined => {
    const chain = above(scope);
    const lock = chain.findLastIndex((each) => locks(each, name));
    return chain.slice(Math.max(lock, 0)).find((each) => value(each, name) !== undefined);
  };
  // Who may not say who relays may not say it by an entry either.
  const isOpen = (scope: Scope) =>
    !above(scope)
      .slice(1)
      .some((each) => locks(each, "relayMode") || locks(each, "relayAddresses"));
  const ipEntry = (scope: Scope) =>
    isOpen(scope) && accepts.some((item) => same(item.scope, scope) && inNetwork(item.pattern, scope));
  /** Of a scope's entries that name the sender the narrower one decides: an address before its domain. */
  const senderEntry = (scope: Scope, isTrusting: boolean): boolean => {
    if (sender === "" || !isOpen(scope)) return false;
    const own = accepts.filter((item) => same(item.scope, scope));
    const decisive = [sender, `@${sender.split("@")[1]}`]
      .map((pattern) => own.find((item) => item.pattern === pattern))
      .find((item) => item !== undefined);
    return decisive !== undefined && (!isTrusting || decisive.trustUnverified === true);
  };
  const trusted = (scope: Scope) => unlocks.includes("trustUnverified") && senderEntry(scope, true);
  // Of a private peer SPF says nothing, nor behind a trusted relay.
  const isSpfPassed = found.spf === "pass" && ip !== undefined && !isPrivateAddress(ip) && !facts.origin;
  const proven = (scope: Scope) => isSpfPassed && senderEntry(scope, false);
  const modeOf = (scope: Scope) => {
    const set = source(scope, "relayMode");
    const mode = String((set && value(set, "relayMode")) ?? "none");
    return (mode === "localUsers" || mode === "anyone") && !unlocks.includes(mode) ? "none" : mode;
  };
  const listed = (scope: Scope) => {
    const from = source(scope, "relayAddresses");
    if (from === undefined || modeOf(scope) !== "addresses") return false;
    return (value(from, "relayAddresses") as readonly string[]).some((text) => inNetwork(text, from));
  };
  const host = found.host?.status === "confirmed" ? found.host.owner : undefined;
  const listedHere = (scope: Scope) => source(scope, "relayAddresses") === scope && listed(scope);
  // For a stranger's sender only what a tenant says itself counts: what it inherits would name it together with everybody.
  const names = (tenantId: TenantId, isOwner: boolean): boolean => {
    const scope: Scope = { kind: "tenant", id: tenantId };
    if (ipEntry(scope) || listedHere(scope)) return true;
    if (isOwner && (listed(scope) || above(scope).some(ipEntry))) return true;
    if (sender === "") return false;
    if (modeOf(scope) === "localHosts" && host?.verified && host.tenantId === tenantId) return true;
    if (isOwner && modeOf(scope) === "localUsers" && sender.startsWith("joe@")) return true;
    if (isOwner && modeOf(scope) === "anyone") return true;
    return trusted(scope) || (isOwner && above(scope).some(trusted));
  };
  const platformNames =
    ipEntry(platformScope) ||
    listed(platformScope) ||
    (sender !== "" && (modeOf(platformScope) === "anyone" || trusted(platformScope)));
  return {
    /** By what names the peer, or trusts the sender unverified. */
    names,
    platformNames,
    /** By an entry for a sender that SPF proves. */
    proves: (tenantId: TenantId, isOwner: boolean): boolean => {
      const scope: Scope = { kind: "tenant", id: tenantId };
      return isOwner ? above(scope).some(proven) : proven(scope);
    },
    platformProves: proven(platformScope),
    ipVouches: (scope: Scope) => listed(scope) || above(scope).some(ipEntry),
  };
}
