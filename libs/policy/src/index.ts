export * from "./apply-policy-event.ts";
export * from "./combine-after-data.ts";
export {
  compilePolicy,
  effectivePolicy,
  emptyPolicy,
  type PolicyInputs,
  relayLockOf,
  withDenial,
  withEntry,
  withLimit,
  withoutDenials,
  withoutEntry,
  withoutLimit,
  withoutSetting,
  withSetting,
} from "./compiled-policy.ts";
export type * from "./content-facts.ts";
export {
  formatIp,
  formatIpPrefix,
  type IpAddress,
  type IpPrefix,
  type IpProblem,
  isLoopback,
  parseIp,
  parseIpPrefix,
  prefixContains,
} from "./ip-address.ts";
export { canonicalSubject, type ListingInput, type ListingKey, subjectsIn } from "./learned-lists.ts";
export type * from "./peer-facts.ts";
export type { DenialInput, EntryKey, LimitInput, SettingInput } from "./policy-changes.ts";
export type { ReasonDefinition } from "./reason-definition.ts";
export { type KnownReason, reasons } from "./reasons.ts";
export * from "./reference-pages.ts";
export { ruleAuthentication } from "./rule-authentication.ts";
export * from "./sender-pattern.ts";
export * from "./setting-definitions.ts";
export * from "./simulation/index.ts";
export * from "./types.ts";
export * from "./validate-limit.ts";
export * from "./validate-setting.ts";
export { applyChanges, type ChangedPolicy, type ChangePlace, proposedEvent } from "./what-if/apply-changes.ts";
export { type ChangeSize, changeSize, compareSizes } from "./what-if/change-size.ts";
export { entryPatterns } from "./what-if/entry-patterns.ts";
export {
  factsUnder,
  type JudgedFacts,
  judgeRecorded,
  rulesPath,
} from "./what-if/judge-recorded.ts";
export * from "./what-if/policy-change.ts";
export { relevantPlaces, tenantsNaming } from "./what-if/relevant-places.ts";
export { settingsChangedBy } from "./what-if/rule-list.ts";
export {
  type Counterfactual,
  type NoChangeReason,
  searchCounterfactual,
} from "./what-if/search-counterfactual.ts";
