import type { Scope, SettingValue } from "@mailfold/domain";
import { assert } from "@mailfold/kernel";
import { denialOf, isExempt } from "./denials.ts";
import { evaluatePolicy } from "./evaluate.ts";
import { parseIp } from "./ip-address.ts";
import { type ListingInput, type ListingKey, listingAdded, listingRemoved } from "./learned-lists.ts";
import { ListView } from "./list-view.ts";
import {
  type DenialInput,
  denialAdded,
  type EntryKey,
  entryAdded,
  entryRemoved,
  type LimitInput,
  limitSet,
  limitUnset,
  type SettingInput,
  settingSet,
  settingUnset,
} from "./policy-changes.ts";
import {
  chainOf,
  limitAbove,
  limitBelow,
  ownRules,
  type PolicyState,
  platformChain,
  resolveSetting,
  rulesAlong,
  settingValue,
} from "./policy-state.ts";
import { type RelayLock, relayLockAbove } from "./relay-locks.ts";
import { ScopeMap } from "./scope-map.ts";
import { settingDefinition, settingDefinitions, settingWarning } from "./setting-definitions.ts";
import type {
  CompiledPolicy,
  EffectiveSetting,
  EntryInput,
  EvaluateOptions,
  Evaluation,
  Facts,
  ListenerSettings,
  Phase,
  ScopedRules,
  ScopePath,
} from "./types.ts";

/** Everything a policy is made of. `revision`: id of the last policy event; absent = that of the last input. */
export interface PolicyInputs {
  readonly settings?: Iterable<SettingInput>;
  readonly limits?: Iterable<LimitInput>;
  readonly entries?: Iterable<EntryInput>;
  readonly denials?: Iterable<DenialInput>;
  readonly listings?: Iterable<ListingInput>;
  readonly revision?: string;
}

class PolicySnapshot implements CompiledPolicy {
  readonly state: PolicyState;

  constructor(state: PolicyState) {
    this.state = state;
  }

  get revision(): string | undefined {
    return this.state.revision;
  }

  evaluate(phase: Phase, facts: Facts, options: EvaluateOptions = {}): Evaluation {
    return evaluatePolicy(this.state, phase, facts, options);
  }

  listener(): ListenerSettings {
    const get = (name: Parameters<typeof settingValue>[2]) => settingValue(this.state, platformChain, name);
    const banners = get("banners") as { readonly smtp?: string; readonly imap?: string };
    return {
      maxCommandLength: get("maxCommandLength") as number,
      overlongAction: get("overlongAction") as ListenerSettings["overlongAction"],
      denyDurationMs: (get("denyDuration") as number) * 1_000,
      vrfy: get("vrfy") as ListenerSettings["vrfy"],
      expn: get("expn") as ListenerSettings["expn"],
      smtpBanner: banners.smtp,
      imapBanner: banners.imap,
      requireTlsForAuth: get("requireTls") === true,
      authMechanisms: get("authMechanisms") as readonly string[],
      harvestLimit: get("harvestLimit") as number,
      authFailureLimit: get("authFailureLimit") as number,
      sizeLimitBytes: this.state.sizeLimitMaxBytes,
    };
  }

  denial(ip: string, at: number): ReturnType<CompiledPolicy["denial"]> {
    const parsed = parseIp(ip);
    return parsed && denialOf(this.state, parsed, at);
  }

  effective(path: ScopePath): readonly EffectiveSetting[] {
    const chain = chainOf(path);
    return settingDefinitions.map(({ name }) => {
      const resolved = name === "rules" ? ownRules(this.state, chain) : resolveSetting(this.state, chain, name);
      const warning = settingWarning(name, resolved.value);
      const limit = limitAbove(this.state, chain, name);
      const below = limitBelow(this.state, chain[0] ?? "", name);
      return {
        name,
        ...resolved,
        ...(warning === undefined ? {} : { warning }),
        ...(limit === undefined ? {} : { limit }),
        ...(below === undefined ? {} : { limitBelow: below }),
      };
    });
  }

  value(path: ScopePath, name: string): SettingValue {
    return resolveSetting(this.state, chainOf(path), name).value;
  }

  rules(path: ScopePath): readonly ScopedRules[] {
    return rulesAlong(this.state, chainOf(path));
  }

  isExemptFromDenial(ip: string, at = Number.MAX_SAFE_INTEGER): boolean {
    const parsed = parseIp(ip);
    return parsed !== undefined && isExempt(this.state, parsed, at);
  }
}

/** The data of a policy, for what lies in this library. */
export function stateOf(policy: CompiledPolicy): PolicyState {
  assert(policy instanceof PolicySnapshot, "a policy compiled by this module");
  return policy.state;
}

/** The policy of some data. */
export function snapshotOf(state: PolicyState): CompiledPolicy {
  return new PolicySnapshot(state);
}

/** The policy before any event: every setting at its default, all lists empty. */
export function emptyPolicy(): CompiledPolicy {
  return new PolicySnapshot({
    revision: undefined,
    settings: new ScopeMap(),
    lists: new ListView(),
    denials: new ListView(),
    learned: new ListView(),
    denialReasons: [],
    denialRowsMax: 1_024,
    sizeLimitMaxBytes: settingDefinition("sizeLimitBytes")?.defaultValue as number,
    localHostsScopes: 0,
    limitedSettings: new Map(),
  });
}

/** Compiles a policy from scratch; equal to applying the same changes one by one. */
export function compilePolicy(inputs: PolicyInputs): CompiledPolicy {
  let state = stateOf(emptyPolicy());
  for (const setting of inputs.settings ?? []) state = settingSet(state, setting);
  for (const limit of inputs.limits ?? []) state = limitSet(state, limit);
  for (const entry of inputs.entries ?? []) state = entryAdded(state, entry);
  for (const denial of inputs.denials ?? []) state = denialAdded(state, denial);
  for (const listing of inputs.listings ?? []) state = listingAdded(state, listing);
  return new PolicySnapshot(inputs.revision === undefined ? state : { ...state, revision: inputs.revision });
}

/** The policy with a setting in force. Costs one scope's settings, whatever else there is. */
export function withSetting(policy: CompiledPolicy, input: SettingInput): CompiledPolicy {
  return new PolicySnapshot(settingSet(stateOf(policy), input));
}

/** The policy with a setting inheriting again. */
export function withoutSetting(policy: CompiledPolicy, scope: Scope, name: string, byEvent: string): CompiledPolicy {
  return new PolicySnapshot(settingUnset(stateOf(policy), scope, name, byEvent));
}

/** The policy with a limit in force for the scopes below. Costs one scope, with relayAddresses all that set them. */
export function withLimit(policy: CompiledPolicy, input: LimitInput): CompiledPolicy {
  return new PolicySnapshot(limitSet(stateOf(policy), input));
}

/** The policy with a limit lifted. */
export function withoutLimit(policy: CompiledPolicy, scope: Scope, name: string, byEvent: string): CompiledPolicy {
  return new PolicySnapshot(limitUnset(stateOf(policy), scope, name, byEvent));
}

/** The policy with one more list entry (or a changed one: same scope, list and pattern). Costs one row. */
export function withEntry(policy: CompiledPolicy, input: EntryInput): CompiledPolicy {
  return new PolicySnapshot(entryAdded(stateOf(policy), input));
}

/** The policy without a list entry. */
export function withoutEntry(policy: CompiledPolicy, key: EntryKey, byEvent: string): CompiledPolicy {
  return new PolicySnapshot(entryRemoved(stateOf(policy), key, byEvent));
}

/** The policy with an IP prefix denied until a time; the revision stays, as denials are traffic. */
export function withDenial(policy: CompiledPolicy, input: DenialInput): CompiledPolicy {
  return new PolicySnapshot(denialAdded(stateOf(policy), input));
}

/** The policy without any denial: for mail of a peer that was not denied when it came. */
export function withoutDenials(policy: CompiledPolicy): CompiledPolicy {
  return new PolicySnapshot({ ...stateOf(policy), denials: new ListView() });
}

/** The policy with a learned listing in force (or a changed one: same scope and subject). Costs one row. */
export function withListing(policy: CompiledPolicy, input: ListingInput): CompiledPolicy {
  return new PolicySnapshot(listingAdded(stateOf(policy), input));
}

/** The policy without the learned listing of a subject. */
export function withoutListing(policy: CompiledPolicy, key: ListingKey, byEvent: string): CompiledPolicy {
  return new PolicySnapshot(listingRemoved(stateOf(policy), key, byEvent));
}

/** The policy under the id of a later event that changed nothing in it. */
export function withRevision(policy: CompiledPolicy, revision: string): CompiledPolicy {
  return policy.revision === revision ? policy : new PolicySnapshot({ ...stateOf(policy), revision });
}

/** Settings in force for a scope path, each with the scope and event it comes from. */
export function effectivePolicy(policy: CompiledPolicy, path: ScopePath): readonly EffectiveSetting[] {
  return policy.effective(path);
}

/** The lock that keeps accept entries of a path's narrowest scope from opening relaying, for whoever writes one. */
export function relayLockOf(policy: CompiledPolicy, path: ScopePath): RelayLock | undefined {
  return relayLockAbove(stateOf(policy), chainOf(path));
}
