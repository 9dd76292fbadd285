import type { Scope, SettingValue } from "@mailfold/domain";
import {
  applyChanges,
  type CompiledPolicy,
  type Counterfactual,
  factsUnder,
  type JudgedFacts,
  judgeRecorded,
  type NoChangeReason,
  type PolicyChange,
  reasons,
  relayLockOf,
  rulesPath,
  searchCounterfactual,
  settingWarning,
  type Verdict,
  validateSenderEntry,
} from "@mailfold/policy";
import { type Caller, mayReach } from "../caller.ts";

/** What policy says of a mail, in two words and a sentence. */
interface ShownVerdict {
  readonly action: string;
  readonly reason: string;
  readonly text: string;
  readonly phase: string;
}

/** The smallest single change that would have turned a verdict, as the reader may know it. JSON of `Explanation.counterfactual`. */
export interface ShownCounterfactual {
  readonly change: ShownChange | null;
  /** What the verdict would have been. */
  readonly verdict: ShownVerdict | null;
  /** In a sentence: what the change does, or why there is none. */
  readonly why: string;
  readonly none: NoChangeReason | null;
  /** Facts that nobody asked for then; the answer takes them as saying nothing. */
  readonly unasked: readonly string[];
  /** What the policy of today says of the same facts, as it is and with the change. Null when it cannot be told. */
  readonly today: { readonly verdict: ShownVerdict; readonly withChange: ShownVerdict | null } | null;
}

interface ShownChange {
  readonly kind: string;
  readonly scope: { readonly kind: string; readonly id: string | null };
  readonly setting?: string;
  readonly before?: SettingValue;
  readonly value?: SettingValue;
  readonly entry?: { readonly list: string; readonly pattern: string };
  readonly rule?: string;
  readonly subject?: { readonly kind: string; readonly value: string };
  readonly warning?: string;
  /** For policySimulate and shadowStart. */
  readonly input: { readonly scope: Readonly<Record<string, unknown>>; readonly changes: readonly PolicyChange[] };
}

/** Why no change is named. */
const whyNone: Readonly<Record<NoChangeReason, string>> = {
  accepted: "The mail was accepted.",
  locked: "A setting that you could change would have turned it, but a scope above has locked or bounded it.",
  above: "Only a change outside of your scope would have turned it.",
  unsafe: "Only letting malware in would have turned it.",
  "not-policy": "No change of policy would have turned it.",
  undecidable: "The verdict cannot be recomputed from what was recorded, so no change can be tried on it.",
};

/** Why nothing can be said of a verdict whose policy of then cannot be rebuilt. */
export const undecidable: ShownCounterfactual = {
  change: null,
  verdict: null,
  why: whyNone.undecidable,
  none: "undecidable",
  unasked: [],
  today: null,
};

/** Of a verdict that another's policy decided. */
export const above: ShownCounterfactual = { ...undecidable, why: whyNone.above, none: "above" };

interface Policies {
  /** That decided. */
  readonly old: CompiledPolicy;
  readonly now: CompiledPolicy;
}

/** Searches for the smallest change within the reader's subtree, by the policy of then, and looks what today's policy says. */
export function counterfactualFor(caller: Caller, recorded: JudgedFacts, policies: Policies): ShownCounterfactual {
  const { old } = policies;
  const found = searchCounterfactual({ policy: old, recorded, mayChange: ({ path }) => mayReach(caller, path) });
  const before = judgeRecorded(old, recorded);
  if ("none" in found) {
    const remedy = found.none === "not-policy" && before !== undefined ? remedyOf(before.reason) : undefined;
    const why = remedy === undefined ? whyNone[found.none] : `${whyNone[found.none]} ${remedy}`;
    return { ...undecidable, why, none: found.none, today: today(recorded, policies, undefined) };
  }
  const change = shownChange(old, found);
  return {
    change,
    verdict: shown(found.verdict),
    why: `${sentence(change)} would have made it "${found.verdict.reason}".`,
    none: null,
    unasked: found.unasked,
    today: today(recorded, policies, found),
  };
}

type Found = Exclude<Counterfactual, { none: unknown }>;

function remedyOf(reason: string): string | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason as keyof typeof reasons].remedy : undefined;
}

function shown({ action, phase, reason, text }: Verdict): ShownVerdict {
  return { action, reason, text, phase };
}

/** The same mail under the policy of today: rules that cannot be asked any more leave it open. */
function today(recorded: JudgedFacts, { now, old }: Policies, found: Found | undefined): ShownCounterfactual["today"] {
  const verdict = judgeUnder(recorded, old, now);
  if (verdict === undefined) return null;
  const changed = found && applyChanges(now, found.place, [found.change]);
  const withChange = changed && "policy" in changed ? judgeUnder(recorded, old, changed.policy) : undefined;
  return { verdict: shown(verdict), withChange: withChange === undefined ? null : shown(withChange) };
}

function judgeUnder(recorded: JudgedFacts, before: CompiledPolicy, after: CompiledPolicy): Verdict | undefined {
  const account = judgeRecorded(before, recorded);
  const facts = account && factsUnder(recorded.facts, rulesPath(recorded.facts, account), { before, after });
  return facts && judgeRecorded(after, { ...recorded, facts });
}

const scopeMembers = { reseller: "resellerId", tenant: "tenantId", domain: "domainId", mailbox: "mailboxId" } as const;

/** A scope as inputs name it. */
function scopeInputOf(scope: Scope): Readonly<Record<string, unknown>> {
  return scope.kind === "platform" ? { platform: true } : { [scopeMembers[scope.kind]]: scope.id };
}

function shownChange(policy: CompiledPolicy, { change, place }: Found): ShownChange {
  const { path, scope } = place;
  const shared = {
    scope: { kind: scope.kind, id: scope.kind === "platform" ? null : scope.id },
    input: { scope: scopeInputOf(scope), changes: [change] },
  };
  if ("set" in change) {
    const [setting = "", value = null] = Object.entries(change.set)[0] ?? [];
    const warning = settingWarning(setting, value);
    const before = policy.value(path, setting);
    return { kind: "set", ...shared, setting, before, value, ...(warning === undefined ? {} : { warning }) };
  }
  if ("unset" in change) {
    const [setting = ""] = change.unset;
    return { kind: "unset", ...shared, setting, before: policy.value(path, setting) };
  }
  if ("entryAdd" in change) {
    const { list, pattern } = change.entryAdd;
    const lock = relayLockOf(policy, path);
    const warning = entryWarning(scope, change.entryAdd, lock?.setting);
    return { kind: "entryAdd", ...shared, entry: { list, pattern }, ...(warning === undefined ? {} : { warning }) };
  }
  if ("entryRemove" in change) return { kind: "entryRemove", ...shared, entry: change.entryRemove };
  if ("ruleSave" in change) return { kind: "ruleSave", ...shared, rule: nameOf(change.ruleSave.rule) };
  if ("ruleDelete" in change) return { kind: "ruleDelete", ...shared, rule: change.ruleDelete.name };
  return { kind: "pardon", ...shared, subject: change.pardon };
}

function nameOf(rule: SettingValue): string {
  const { name } = rule as { readonly name?: SettingValue };
  return typeof name === "string" ? name : "";
}

type EntryAdd = Extract<PolicyChange, { entryAdd: unknown }>["entryAdd"];

/** What whoever adds the entry should know: an IP at tenant scope or above also opens relaying, unless that is locked above. */
function entryWarning(scope: Scope, { list, pattern }: EntryAdd, locked: string | undefined) {
  const lock = locked === undefined ? undefined : { setting: locked, scope: "a scope above" };
  const checked = validateSenderEntry({ list, pattern, scopeKind: scope.kind }, { unlocked: [], lock });
  if ("problem" in checked) return undefined;
  const opens = checked.opensRelaying ? "This entry also lets the peer relay without a login." : undefined;
  return checked.warning ?? opens;
}

function sentence({ entry, kind, rule, scope, setting, subject, value }: ShownChange): string {
  const where = `at ${scope.kind} scope`;
  switch (kind) {
    case "set":
      return `Setting ${setting} to ${JSON.stringify(value)} ${where}`;
    case "unset":
      return `Letting ${setting} inherit again ${where}`;
    case "entryAdd":
      return `An entry ${entry?.pattern} in the ${entry?.list} list ${where}`;
    case "entryRemove":
      return `Removing the entry ${entry?.pattern} from the ${entry?.list} list ${where}`;
    case "ruleSave":
      return `The rule "${rule}" without its decision ${where}`;
    case "ruleDelete":
      return `Deleting the rule "${rule}" ${where}`;
    default:
      return `A pardon of ${subject?.value} ${where}`;
  }
}
