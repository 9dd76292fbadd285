import { type Scope, type SenderList, type SettingValue, scopeId } from "@mailfold/domain";
import { assert, type ResellerId } from "@mailfold/kernel";
import { type IpPrefix, mayOpenRelaying, parseIpPrefix } from "./ip-address.ts";
import type { KeyKind, ListEntry, ListKey } from "./list-store.ts";
import type { PolicyState, ScopeSettings } from "./policy-state.ts";
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
  return { ...state, ...rememberReseller(state, input), lists: state.lists.with(entry), revision: input.byEvent };
}

/** Removes a list entry; nothing happens when there is none. */
export function entryRemoved(state: PolicyState, key: EntryKey, byEvent: string): PolicyState {
  const pattern = parseSenderPattern(key.pattern);
  if ("problem" in pattern) return { ...state, revision: byEvent };
  const lists = state.lists.without({ scope: key.scope, list: key.list, ...keyOf(pattern) });
  return { ...state, lists, revision: byEvent };
}

function rememberReseller(state: PolicyState, input: { readonly scope: Scope; readonly resellerId?: ResellerId }) {
  const { scope, resellerId } = input;
  if (scope.kind !== "tenant" || resellerId === undefined) return {};
  const settings = state.settings.get(scope.id);
  if (settings?.resellerId === resellerId) return {};
  const values = settings?.values ?? new Map();
  return { settings: state.settings.with(scope.id, { scope, resellerId, values }) };
}

function relayPrefixes(scope: Scope, value: SettingValue | undefined): readonly IpPrefix[] {
  if (!Array.isArray(value)) return [];
  const prefixes: IpPrefix[] = [];
  for (const item of value) {
    const prefix = parseIpPrefix(String(item));
    // The width rule again: a value that got round validation must never open relaying.
    if (!("problem" in prefix) && (scope.kind === "platform" || mayOpenRelaying(prefix))) prefixes.push(prefix);
  }
  return prefixes;
}

/** relayAddresses lie in the lists, so that a peer finds the tenants that name it. */
function relayListChanged(state: PolicyState, scope: Scope, old: SettingValue | undefined, input?: SettingInput) {
  let { lists } = state;
  const key = (prefix: IpPrefix): ListKey => {
    return { scope, list: "relay", kind: prefix.family === 4 ? "ipv4" : "ipv6", prefix };
  };
  for (const prefix of relayPrefixes(scope, old)) lists = lists.without(key(prefix));
  for (const prefix of relayPrefixes(scope, input?.value)) {
    const byEvent = input?.byEvent ?? "";
    const facts = { entryId: "", byEvent, expiresAt: undefined, trustUnverified: false };
    lists = lists.with({ ...key(prefix), ...facts, namesPeer: scope.kind === "tenant" });
  }
  return lists;
}

function largestSizeLimit(state: PolicyState): number {
  let largest = settingDefinition("sizeLimitBytes")?.defaultValue as number;
  for (const { values } of state.settings.values()) {
    const value = values.get("sizeLimitBytes")?.value;
    if (typeof value === "number") largest = Math.max(largest, value);
  }
  return largest;
}

function changed(state: PolicyState, scope: Scope, name: string, input: SettingInput | undefined): PolicyState {
  const id = scopeId(scope);
  const before = state.settings.get(id);
  const old = before?.values.get(name)?.value;
  const values = new Map(before?.values);
  if (input) values.set(name, { value: input.value, byEvent: input.byEvent });
  else values.delete(name);
  const resellerId = input?.resellerId ?? before?.resellerId;
  const settings: ScopeSettings = { scope, values, ...(resellerId === undefined ? {} : { resellerId }) };
  const kept = values.size > 0 || resellerId !== undefined ? settings : undefined;
  let next: PolicyState = { ...state, settings: state.settings.with(id, kept) };
  if (name === "relayAddresses") next = { ...next, lists: relayListChanged(state, scope, old, input) };
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
