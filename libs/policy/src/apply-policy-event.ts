import type {
  IpDenied,
  PolicyLimitsChanged,
  PolicySettingsChanged,
  SenderDelisted,
  SenderEntryAdded,
  SenderEntryRemoved,
  SenderListed,
} from "@mailfold/domain";
import type { RecordedEvent } from "@mailfold/kernel";
import {
  withDenial,
  withEntry,
  withLimit,
  withListing,
  withoutEntry,
  withoutLimit,
  withoutListing,
  withoutSetting,
  withRevision,
  withSetting,
} from "./compiled-policy.ts";
import type { CompiledPolicy } from "./types.ts";

/** Events that a policy is folded from, as a subscription filters them. */
export const policyEventTypes = [
  "PolicySettingsChanged",
  "PolicyLimitsChanged",
  "SenderEntryAdded",
  "SenderEntryRemoved",
  "IpDenied",
  "SenderListed",
  "SenderDelisted",
] as const;

/** Folds one event into a policy; other events leave it as it is. Pure: the old policy stays valid. */
export function applyPolicyEvent(policy: CompiledPolicy, event: RecordedEvent): CompiledPolicy {
  const byEvent = event.id;
  const { resellerId } = event.metadata;
  const reseller = resellerId === undefined ? {} : { resellerId };
  switch (event.type) {
    case "PolicySettingsChanged": {
      const { scope, set, unset } = event.data as PolicySettingsChanged["data"];
      let next = policy;
      for (const name of unset) next = withoutSetting(next, scope, name, byEvent);
      for (const [name, value] of Object.entries(set)) {
        next = withSetting(next, { scope, name, value, byEvent, ...reseller });
      }
      return withRevision(next, byEvent);
    }
    case "PolicyLimitsChanged": {
      const { scope, set, unset } = event.data as PolicyLimitsChanged["data"];
      let next = policy;
      for (const name of unset) next = withoutLimit(next, scope, name, byEvent);
      for (const [name, limit] of Object.entries(set)) {
        next = withLimit(next, { scope, name, limit, byEvent, ...reseller });
      }
      return withRevision(next, byEvent);
    }
    case "SenderEntryAdded":
      return withEntry(policy, { ...(event.data as SenderEntryAdded["data"]), byEvent, ...reseller });
    case "SenderEntryRemoved":
      return withoutEntry(policy, event.data as SenderEntryRemoved["data"], byEvent);
    case "SenderListed":
      return withListing(policy, { ...(event.data as SenderListed["data"]), byEvent });
    case "SenderDelisted":
      return withoutListing(policy, event.data as SenderDelisted["data"], byEvent);
    case "IpDenied": {
      const { prefix, reason, until } = event.data as IpDenied["data"];
      return withDenial(policy, { prefix, reason, until, byEvent, at: event.occurredAt });
    }
    default:
      return policy;
  }
}
