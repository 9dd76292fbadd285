import { type Scope, type SettingBound, type SettingLimit, type SettingValue, scopeId } from "@mailfold/domain";
import type { ResellerId } from "@mailfold/kernel";
import type { ListView } from "./list-view.ts";
import type { ScopeMap } from "./scope-map.ts";
import { clampNumber, isWithin, narrowBound } from "./setting-bound.ts";
import { type SettingName, settingDefinition } from "./setting-definitions.ts";
import type { EffectiveSetting, ScopedRules, ScopePath } from "./types.ts";

/** A setting where it is set. */
interface StoredSetting {
  readonly value: SettingValue;
  readonly byEvent: string;
}
/** A limit where it is set. */
interface StoredLimit {
  readonly limit: SettingLimit;
  readonly byEvent: string;
}
/** All that is set at one scope. */
export interface ScopeSettings {
  readonly scope: Scope;
  /** Reseller above a tenant scope, when an event told. */
  readonly resellerId?: ResellerId;
  readonly values: ReadonlyMap<string, StoredSetting>;
  /** What it leaves to the scopes below; absent when it limits nothing. */
  readonly limits?: ReadonlyMap<string, StoredLimit>;
}

/** The data of a compiled policy: immutable parts, shared between revisions. */
export interface PolicyState {
  readonly revision: string | undefined;
  readonly settings: ScopeMap<ScopeSettings>;
  readonly lists: ListView;
  readonly denials: ListView;
  /** Learned listings, see learned-lists.ts. */
  readonly learned: ListView;
  /** Why an IP was denied, by denial event; dropped with the denial. */
  readonly denialReasons: readonly string[];
  /** Rows in `denials` after which it is compacted. */
  readonly denialRowsMax: number;
  /** Largest sizeLimitBytes of any scope, the default included. */
  readonly sizeLimitMaxBytes: number;
  /** Scopes that set relayMode localHosts: none = no host name is ever looked up for relaying. */
  readonly localHostsScopes: number;
  /** By setting, how many scopes limit it: what is not here is resolved without looking for limits. */
  readonly limitedSettings: ReadonlyMap<string, number>;
}

/** Scope ids of a path, narrowest first, platform last. */
export type ScopeChain = readonly string[];

/** Chain of a scope path: mailbox, domain, tenant, reseller, platform; missing ones are skipped. */
export function chainOf(path: ScopePath): ScopeChain {
  const chain: string[] = [];
  if (path.mailboxId !== undefined) chain.push(path.mailboxId);
  if (path.domainId !== undefined) chain.push(path.domainId);
  if (path.tenantId !== undefined) chain.push(path.tenantId);
  if (path.resellerId !== undefined) chain.push(path.resellerId);
  chain.push("platform");
  return chain;
}

/** Chain of the platform alone. */
export const platformChain: ScopeChain = ["platform"];

/** A setting's value in force, and where it comes from (`default` when set nowhere). */
export interface ResolvedSetting {
  readonly value: SettingValue;
  readonly setAtScope: string;
  readonly byEvent?: string;
}

/** Whether a definition lets a scope kind decide it; a stray value below its lowest scope has no effect. */
function counts(name: string, settings: ScopeSettings, stored: StoredSetting): boolean {
  // A lower scope may only tighten requireTls; a value that got round validation must not loosen it.
  if (name === "requireTls" && stored.value === false) return settings.scope.kind === "platform";
  return true;
}

/**
 * Value of a setting that some scope limits, from the widest scope to the narrowest: a lock ends the choice, a number goes
 * to the nearest one within the bounds of all scopes above, a word outside of them yields to what the scope above has.
 */
function resolveUnderLimits(state: PolicyState, chain: ScopeChain, name: string): ResolvedSetting {
  const definition = settingDefinition(name);
  const zeroIsUnlimited = definition?.zeroIsUnlimited === true;
  let resolved: ResolvedSetting = { value: definition?.defaultValue ?? null, setAtScope: "default" };
  let bound: SettingBound | undefined;
  for (let i = chain.length - 1; i >= 0; i--) {
    const id = chain[i] as string;
    const settings = state.settings.get(id);
    const stored = settings?.values.get(name);
    if (settings && stored && counts(name, settings, stored)) {
      const isChoice = typeof stored.value !== "number" && bound !== undefined;
      if (!isChoice || isWithin(stored.value, bound ?? {}, zeroIsUnlimited)) {
        resolved = { value: stored.value, setAtScope: id, byEvent: stored.byEvent };
      }
    }
    if (bound !== undefined && typeof resolved.value === "number") {
      resolved = { ...resolved, value: clampNumber(resolved.value, bound, zeroIsUnlimited) };
    }
    const limit = settings?.limits?.get(name)?.limit;
    if (limit?.locked === true) return resolved;
    if (limit !== undefined) bound = narrowBound(bound, limit);
  }
  return resolved;
}

/** The widest scope above a chain's own that locks a setting, else the widest that bounds it with all bounds together. */
export function limitAbove(state: PolicyState, chain: ScopeChain, name: string): EffectiveSetting["limit"] {
  if (!state.limitedSettings.has(name)) return undefined;
  let found: EffectiveSetting["limit"];
  for (let i = chain.length - 1; i > 0; i--) {
    const setAtScope = chain[i] as string;
    const stored = state.settings.get(setAtScope)?.limits?.get(name);
    if (stored === undefined) continue;
    const { limit, byEvent } = stored;
    if (limit.locked === true) return { setAtScope, byEvent, locked: true };
    found = { ...(found ?? { setAtScope, byEvent, locked: false }), bound: narrowBound(found?.bound, limit) };
  }
  return found;
}

/** What a scope itself leaves of a setting to the scopes below it. */
export function limitBelow(state: PolicyState, scope: string, name: string): EffectiveSetting["limitBelow"] {
  const stored = state.settings.get(scope)?.limits?.get(name);
  if (stored === undefined) return undefined;
  const { limit, byEvent } = stored;
  return limit.locked === true ? { byEvent, locked: true } : { byEvent, locked: false, bound: limit };
}

/** Value of a setting along a chain: the narrowest scope that sets it, else the default, within the limits of the scopes above. */
export function resolveSetting(
  state: PolicyState,
  chain: ScopeChain,
  name: SettingName | (string & {}),
): ResolvedSetting {
  if (state.limitedSettings.has(name)) return resolveUnderLimits(state, chain, name);
  for (const id of chain) {
    const settings = state.settings.get(id);
    const stored = settings?.values.get(name);
    if (settings && stored && counts(name, settings, stored)) {
      return { value: stored.value, setAtScope: id, byEvent: stored.byEvent };
    }
  }
  return { value: settingDefinition(name)?.defaultValue ?? null, setAtScope: "default" };
}

/** Value alone, without the allocation: for the hot path. */
export function settingValue(state: PolicyState, chain: ScopeChain, name: SettingName): SettingValue {
  if (state.limitedSettings.size > 0 && state.limitedSettings.has(name)) {
    return resolveUnderLimits(state, chain, name).value;
  }
  for (let i = 0; i < chain.length; i++) {
    const settings = state.settings.get(chain[i] as string);
    const stored = settings?.values.get(name);
    if (settings && stored && counts(name, settings, stored)) return stored.value;
  }
  return settingDefinition(name)?.defaultValue ?? null;
}

/** Words in the platform's `unlocks`. */
export function isUnlocked(state: PolicyState, word: string): boolean {
  const unlocks = settingValue(state, platformChain, "unlocks");
  return Array.isArray(unlocks) && unlocks.includes(word);
}

export type RelayMode = "none" | "addresses" | "localHosts" | "localUsers" | "anyone";
/** relayMode in force: a mode whose unlock is gone counts as none, so that taking an unlock back works at once. */
export function relayModeOf(state: PolicyState, chain: ScopeChain): RelayMode {
  const mode = settingValue(state, chain, "relayMode") as RelayMode;
  if (mode !== "localUsers" && mode !== "anyone") return mode;
  return isUnlocked(state, mode) ? mode : "none";
}

/** Chain of a tenant whose reseller an event may have told. */
export function tenantChain(state: PolicyState, scope: Scope): ScopeChain {
  const resellerId = state.settings.get(scopeId(scope))?.resellerId;
  return resellerId === undefined ? [scopeId(scope), "platform"] : [scopeId(scope), resellerId, "platform"];
}

/** The own rules of a chain's narrowest scope: those of the scopes above run too, but are not its setting's value. */
export function ownRules(state: PolicyState, chain: ScopeChain): ResolvedSetting {
  const [id] = chain;
  const stored = id === undefined ? undefined : state.settings.get(id)?.values.get("rules");
  if (id === undefined || stored === undefined || limitAbove(state, chain, "rules")?.locked === true) {
    return { value: [], setAtScope: "default" };
  }
  return { value: stored.value, setAtScope: id, byEvent: stored.byEvent };
}

/** Processing rules along a chain, platform first: rules add up, where other settings replace. A lock leaves out those below. */
export function rulesAlong(state: PolicyState, chain: ScopeChain): readonly ScopedRules[] {
  const all: ScopedRules[] = [];
  for (let i = chain.length - 1; i >= 0; i--) {
    const settings = state.settings.get(chain[i] as string);
    const stored = settings?.values.get("rules");
    if (settings && stored && Array.isArray(stored.value) && stored.value.length > 0) {
      all.push({ scope: settings.scope, rules: stored.value, byEvent: stored.byEvent });
    }
    if (settings?.limits?.get("rules")?.limit.locked === true) break;
  }
  return all;
}
