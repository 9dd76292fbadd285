import {
  type DomainRefusal,
  type PolicyLimitsChanged,
  type PolicySettingsState,
  policySettings,
  type Scope,
  type SettingValue,
  scopeId,
} from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { idFromUuid } from "@mailfold/ids";
import type { RecordedEvent } from "@mailfold/kernel";
import { checkLimitsAbove, type ScopePath } from "@mailfold/policy";
import type { Caller } from "../caller.ts";
import { mayNameScope } from "./placed-scope.ts";
import type { PlacedScope } from "./policy-records.ts";
import type { Load } from "./run-command.ts";

/** A scope above, as its policy stream has it. */
interface ScopeAbove {
  readonly scope: Scope;
  readonly state: PolicySettingsState;
  readonly events: readonly RecordedEvent[];
}

/** The scopes above one, widest first; none above the platform. */
export interface PolicyAbove {
  readonly scopes: readonly ScopeAbove[];
}

/**
 * Reads the scopes above from the log itself: a lagging view must not open what is locked. A limit that is set between
 * this and the append is not lost either: limits count when a setting is resolved, in whatever order the events came, so
 * the value that slipped through is kept without effect, as one that was set before the limit.
 */
export async function loadPolicyAbove(load: Load, place: { scope: Scope; path: ScopePath }): Promise<PolicyAbove> {
  const { scope, path } = place;
  const scopes = await Promise.all(
    scopesAbove(scope, path).map(async (above): Promise<ScopeAbove> => {
      const { state, events } = await load(policySettings, streams.policy(scopeId(above)));
      return { scope: above, state, events };
    }),
  );
  return { scopes };
}

function scopesAbove(scope: Scope, { resellerId, tenantId, domainId }: ScopePath): readonly Scope[] {
  if (scope.kind === "platform") return [];
  const all: Scope[] = [{ kind: "platform" }];
  if (resellerId !== undefined) all.push({ kind: "reseller", id: resellerId });
  if (tenantId !== undefined) all.push({ kind: "tenant", id: tenantId });
  if (domainId !== undefined) all.push({ kind: "domain", id: domainId });
  return all.filter((above) => scopeId(above) !== scopeId(scope));
}

/** Risky features that the platform has unlocked, by its own policy. */
export function unlocksOf(platform: PolicySettingsState): readonly string[] {
  const { unlocks } = platform.values;
  return Array.isArray(unlocks) ? unlocks.filter((word) => typeof word === "string") : [];
}

/**
 * Why the scopes above do not leave a value to choose; undefined = they do. `details` names the kind of scope, and the
 * scope and event themselves where they lie in the caller's own subtree.
 */
export function limitRefusal(
  above: PolicyAbove,
  asked: { readonly caller: Caller; readonly placed: PlacedScope; readonly name: string; readonly value: SettingValue },
): DomainRefusal | undefined {
  const { caller, placed, name, value } = asked;
  const limits = above.scopes.map(({ scope, state }) => ({ kind: scope.kind, limits: state.limits }));
  const problem = checkLimitsAbove(name, value, limits);
  if (problem === undefined) return undefined;
  const { code, message, limitedAt } = problem;
  const at = above.scopes.find(({ scope }) => scope.kind === limitedAt);
  const shown = at !== undefined && mayNameScope(caller, scopeId(at.scope), placed) ? namedLimit(at, name) : {};
  return { code, message, details: { limitedAt, ...shown } };
}

function namedLimit({ scope, events }: ScopeAbove, name: string) {
  const setting = events.findLast((event) => {
    return event.type === "PolicyLimitsChanged" && Object.hasOwn((event.data as PolicyLimitsChanged["data"]).set, name);
  });
  return { scope: scopeId(scope), ...(setting === undefined ? {} : { event: idFromUuid("event", setting.id) }) };
}
