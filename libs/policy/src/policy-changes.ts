import { type Scope, type SenderList, type SettingLimit, type SettingValue, scopeId } from "@mailfold/domain";
import { assert, type ResellerId } from "@mailfold/kernel";
import { type IpPrefix, mayOpenRelaying, parseIpPrefix } from "./ip-address.ts";
import type { KeyKind, ListEntry, ListKey } from "./list-store.ts";
import { limitAbove, type PolicyState, type ScopeSettings, tenantChain } from "./policy-state.ts";
import { parseSenderPattern, type SenderPattern } from "./sender-pattern.ts";
import { settingDefinition } from "./setting-definitions.ts";
import type { EntryInput } from "./types.ts";

/** A setting to put in force. */
export interface SettingInput {
  readonly scope: Scope;
  readonly name: string;
  readonly value: SettingValue;
  readonly byEvent: string;
  readonly resellerId?: ResellerId;
}
/** Names a list entry. */
export interface EntryKey {
  readonly scope: Scope;
  readonly list: SenderList;
  readonly pattern: string;
}
/** A denial to put in force; `prefix` is an IP or CIDR, `at` and `until` are ms since the epoch. */
export interface DenialInput {
  readonly prefix: string;
  readonly reason: string;
  readonly until: number;
  readonly byEvent: string;
  readonly at: number;
}

/** Denials kept beyond which the oldest are dropped: a flood of denials must not grow memory. */
const denialsMax = 200_000;

function keyOf(pattern: SenderPattern): Pick<ListKey, "kind" | "prefix" | "text"> {
  const { prefix } = pattern;
  if (prefix) return { kind: prefix.family === 4 ? "ipv4" : "ipv6", prefix };
  return { kind: pattern.kind as Exclude<KeyKind, "ipv4" | "ipv6">, text: pattern.key };
}

/** Only entries at tenant scope can name the one tenant on whose behalf a peer relays. */
function namesPeer(scope: Scope, pattern: SenderPattern): boolean {
  if (scope.kind !== "tenant") return false;
  if (pattern.prefix) return mayOpenRelaying(pattern.prefix);
  return namesSender(pattern);
}

function namesSender(pattern: SenderPattern): boolean {
  return pattern.kind === "address" || pattern.kind === "domain";
}

/**
 * Adds a list entry; one of the same scope, list and pattern is replaced. A pattern that this code cannot read (a newer
 * writer's) has no effect: it neither accepts nor opens anything.
 */
export function entryAdded(state: PolicyState, input: EntryInput): PolicyState {
  const pattern = parseSenderPattern(input.pattern);
  if ("problem" in pattern) return { ...state, revision: input.byEvent };
  const entry: ListEntry = {
    scope: input.scope,
    list: input.list,
    ...keyOf(pattern),
    entryId: input.entryId,
    byEvent: input.byEvent,
    expiresAt: input.expiresAt,
    // Only a sender's address or domain can be trusted unverified; the word means nothing elsewhere.
    trustUnverified: input.trustUnverified === true && input.list === "accept" && namesSender(pattern),
    namesPeer: input.list === "accept" && namesPeer(input.scope, pattern),
  };
  const known = rememberReseller(state, input);
  return { ...known, lists: known.lists.with(entry), revision: input.byEvent };
}

/** Removes a list entry; nothing happens when there is none. */
export function entryRemoved(state: PolicyState, key: EntryKey, byEvent: string): PolicyState {
  const pattern = parseSenderPattern(key.pattern);
  if ("problem" in pattern) return { ...state, revision: byEvent };
  const lists = state.lists.without({ scope: key.scope, list: key.list, ...keyOf(pattern) });
  return { ...state, lists, revision: byEvent };
}

/** A scope's own settings, new where it has none yet. */
function settingsOf(state: PolicyState, scope: Scope): ScopeSettings {
  return state.settings.get(scopeId(scope)) ?? { scope, values: new Map() };
}

/** Puts a scope's settings in the place of the old ones; what says nothing is not kept. */
function withScope(state: PolicyState, next: ScopeSettings): PolicyState {
  const isEmpty = next.values.size === 0 && next.limits === undefined && next.resellerId === undefined;
  return { ...state, settings: state.settings.with(scopeId(next.scope), isEmpty ? undefined : next) };
}

function rememberReseller(state: PolicyState, input: { readonly scope: Scope; readonly resellerId?: ResellerId }) {
  const { scope, resellerId } = input;
  if (scope.kind !== "tenant" || resellerId === undefined) return state;
  const settings = settingsOf(state, scope);
  if (settings.resellerId === resellerId) return state;
  return withRelayRows(state, withScope(state, { ...settings, resellerId }), scope);
}

/** Prefixes of relayAddresses as they count at a scope: none where a scope above has locked the setting. */
function relayPrefixes(state: PolicyState, scope: Scope): readonly IpPrefix[] {
  const value = settingsOf(state, scope).values.get("relayAddresses")?.value;
  if (!Array.isArray(value)) return [];
  const chain = scope.kind === "tenant" ? tenantChain(state, scope) : [scopeId(scope), "platform"];
  if (scope.kind !== "platform" && limitAbove(state, chain, "relayAddresses")?.locked === true) return [];
  const prefixes: IpPrefix[] = [];
  for (const item of value) {
    const prefix = parseIpPrefix(String(item));
    // The width rule again: a value that got round validation must never open relaying.
    if (!("problem" in prefix) && (scope.kind === "platform" || mayOpenRelaying(prefix))) prefixes.push(prefix);
  }
  return prefixes;
}

/** relayAddresses lie in the lists, so that a peer finds the tenants that name it: the rows of one scope, as they are now. */
function withRelayRows(before: PolicyState, after: PolicyState, scope: Scope): PolicyState {
  let { lists } = after;
  const key = (prefix: IpPrefix): ListKey => {
    return { scope, list: "relay", kind: prefix.family === 4 ? "ipv4" : "ipv6", prefix };
  };
  const [old, now] = [relayPrefixes(before, scope), relayPrefixes(after, scope)];
  if (old.length === 0 && now.length === 0) return after;
  for (const prefix of old) lists = lists.without(key(prefix));
  const byEvent = settingsOf(after, scope).values.get("relayAddresses")?.byEvent ?? "";
  for (const prefix of now) {
    const facts = { entryId: "", byEvent, expiresAt: undefined, trustUnverified: false };
    lists = lists.with({ ...key(prefix), ...facts, namesPeer: scope.kind === "tenant" });
  }
  return { ...after, lists };
}

/** The largest size that any scope may come to: what is set anywhere, and what a bound raises smaller values to. */
function largestSizeLimit(state: PolicyState): number {
  let largest = settingDefinition("sizeLimitBytes")?.defaultValue as number;
  for (const { values, limits } of state.settings.values()) {
    const value = values.get("sizeLimitBytes")?.value;
    const limit = limits?.get("sizeLimitBytes")?.limit;
    if (typeof value === "number") largest = Math.max(largest, value);
    if (limit !== undefined && limit.locked !== true) largest = Math.max(largest, limit.min ?? 0);
  }
  return largest;
}

function changed(state: PolicyState, scope: Scope, name: string, input: SettingInput | undefined): PolicyState {
  const before = settingsOf(state, scope);
  const old = before.values.get(name)?.value;
  const values = new Map(before.values);
  if (input) values.set(name, { value: input.value, byEvent: input.byEvent });
  else values.delete(name);
  const resellerId = input?.resellerId ?? before.resellerId;
  let next = withScope(state, { ...before, values, ...(resellerId === undefined ? {} : { resellerId }) });
  if (name === "relayAddresses" || resellerId !== before.resellerId) next = withRelayRows(state, next, scope);
  if (name === "relayMode") {
    const step = (input?.value === "localHosts" ? 1 : 0) - (old === "localHosts" ? 1 : 0);
    next = { ...next, localHostsScopes: state.localHostsScopes + step };
  }
  if (name === "sizeLimitBytes") {
    const value = typeof input?.value === "number" ? input.value : 0;
    // Only when the largest goes away must all scopes be asked again.
    const shrinks = typeof old === "number" && old >= state.sizeLimitMaxBytes && value < old;
    const sizeLimitMaxBytes = shrinks ? largestSizeLimit(next) : Math.max(state.sizeLimitMaxBytes, value);
    next = { ...next, sizeLimitMaxBytes };
  }
  return next;
}

/** A limit to put in force at a scope, for the scopes below it. */
export interface LimitInput {
  readonly scope: Scope;
  readonly name: string;
  readonly limit: SettingLimit;
  readonly byEvent: string;
  readonly resellerId?: ResellerId;
}

function limitChanged(state: PolicyState, scope: Scope, name: string, input: LimitInput | undefined): PolicyState {
  const before = settingsOf(state, scope);
  const limits = new Map(before.limits);
  const limitedSettings = new Map(state.limitedSettings);
  const step = (input === undefined ? 0 : 1) - (limits.delete(name) ? 1 : 0);
  if (input) limits.set(name, { limit: input.limit, byEvent: input.byEvent });
  const scopes = (limitedSettings.get(name) ?? 0) + step;
  if (scopes > 0) limitedSettings.set(name, scopes);
  else limitedSettings.delete(name);
  const { limits: _old, ...rest } = before;
  const resellerId = input?.resellerId ?? before.resellerId;
  const settings: ScopeSettings = {
    ...rest,
    ...(limits.size === 0 ? {} : { limits }),
    ...(resellerId === undefined ? {} : { resellerId }),
  };
  let next: PolicyState = { ...withScope(state, settings), limitedSettings };
  if (name === "sizeLimitBytes") next = { ...next, sizeLimitMaxBytes: largestSizeLimit(next) };
  if (name === "relayAddresses") {
    for (const each of next.settings.values()) next = withRelayRows(state, next, each.scope);
  } else if (resellerId !== before.resellerId) next = withRelayRows(state, next, scope);
  return next;
}

/** Puts a limit in force for the scopes below; one on an unknown name is kept without effect (a newer writer). */
export function limitSet(state: PolicyState, input: LimitInput): PolicyState {
  return { ...limitChanged(state, input.scope, input.name, input), revision: input.byEvent };
}

/** Lifts a limit. */
export function limitUnset(state: PolicyState, scope: Scope, name: string, byEvent: string): PolicyState {
  return { ...limitChanged(state, scope, name, undefined), revision: byEvent };
}

/** Puts a setting in force; an unknown name is kept without effect (a newer writer). */
export function settingSet(state: PolicyState, input: SettingInput): PolicyState {
  return { ...changed(state, input.scope, input.name, input), revision: input.byEvent };
}

/** Lets a setting inherit again. */
export function settingUnset(state: PolicyState, scope: Scope, name: string, byEvent: string): PolicyState {
  return { ...changed(state, scope, name, undefined), revision: byEvent };
}

/** Denies a prefix until a time. Does not move the revision: denials are traffic, not policy. */
export function denialAdded(state: PolicyState, input: DenialInput): PolicyState {
  const prefix = parseIpPrefix(input.prefix);
  assert(!("problem" in prefix), `denial of "${input.prefix}"`);
  const { reason, until, byEvent, at } = input;
  let reasons = state.denialReasons;
  let number = reasons.indexOf(reason);
  if (number < 0) {
    // Few reasons exist; one more than 255 shares the last name.
    if (reasons.length < 255) reasons = [...reasons, reason];
    number = reasons.length - 1;
  }
  let denials = state.denials;
  let { denialRowsMax } = state;
  if (denials.rowCount >= denialRowsMax) {
    denials = denials.compacted(at, denialsMax);
    denialRowsMax = Math.max(1_024, denials.rowCount * 2);
  }
  denials = denials.with({
    scope: { kind: "platform" },
    list: "denial",
    kind: prefix.family === 4 ? "ipv4" : "ipv6",
    prefix,
    entryId: String(number),
    byEvent,
    expiresAt: until,
    trustUnverified: false,
    namesPeer: false,
  });
  return { ...state, denials, denialReasons: reasons, denialRowsMax };
}
