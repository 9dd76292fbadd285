import type { Scope, SettingValue } from "@mailfold/domain";
import type { Refusal } from "@mailfold/kernel";
import {
  type PolicyChange,
  type PolicyChangeKind,
  parseSenderPattern,
  policyChangeKinds,
  policyChangesMax,
} from "@mailfold/policy";
import { checkRule, checkRules, settingOf } from "./check-rules.ts";
import { parseSubject } from "./listing-subject.ts";

type Maybe<T> = T | null | undefined;

/** Exactly one member: a change of one scope's policy that is to be tried. */
export interface PolicyChangeInput {
  /** Values by setting name. */
  readonly set?: unknown;
  readonly unset?: Maybe<readonly string[]>;
  readonly entryAdd?: Maybe<{
    readonly list: "accept" | "kill" | "learned";
    readonly pattern: string;
    readonly expiresAt?: Maybe<number>;
    readonly trustUnverified?: Maybe<boolean>;
  }>;
  readonly entryRemove?: Maybe<{ readonly list: "accept" | "kill" | "learned"; readonly pattern: string }>;
  readonly ruleSave?: Maybe<{ readonly rule?: unknown; readonly before?: Maybe<string> }>;
  readonly ruleDelete?: Maybe<{ readonly name: string }>;
  readonly pardon?: Maybe<{ readonly subject: string }>;
}

/** Changes of a kind of scope as libs/policy applies them, patterns and rules in canonical form; or what is wrong with which of them. */
export function readPolicyChanges(
  inputs: readonly PolicyChangeInput[],
  scopeKind: Scope["kind"],
): { readonly changes: readonly PolicyChange[] } | { readonly refusal: Refusal } {
  if (inputs.length === 0 || inputs.length > policyChangesMax) {
    return { refusal: invalid(`1 to ${policyChangesMax} changes can be tried at once.`, ["changes"]) };
  }
  const changes: PolicyChange[] = [];
  for (const [at, input] of inputs.entries()) {
    const read = readChange(input, scopeKind);
    if ("problem" in read)
      return { refusal: { ...read.problem, path: ["changes", String(at), ...(read.problem.path ?? [])] } };
    changes.push(read.change);
  }
  return { changes };
}

function invalid(message: string, path: readonly string[]): Refusal {
  return { code: "INVALID_INPUT", message, path: [...path] };
}

type Read = { readonly change: PolicyChange } | { readonly problem: Refusal };

function readChange(input: PolicyChangeInput, scopeKind: Scope["kind"]): Read {
  const named = policyChangeKinds.filter((kind) => input[kind] !== null && input[kind] !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length !== 1) {
    return { problem: invalid(`A change has exactly one of ${policyChangeKinds.join(", ")}.`, []) };
  }
  return readers[kind](input, scopeKind);
}

const readers: { readonly [Kind in PolicyChangeKind]: (input: PolicyChangeInput, scopeKind: Scope["kind"]) => Read } = {
  set({ set }, scopeKind) {
    if (typeof set !== "object" || set === null || Array.isArray(set)) {
      return { problem: invalid("set maps setting names to values.", ["set"]) };
    }
    const values = set as Readonly<Record<string, SettingValue>>;
    if (!Object.hasOwn(values, "rules")) return { change: { set: values } };
    const rules = checkRules(values.rules, scopeKind, ["set", "rules"]);
    if (rules.value === undefined) return { problem: rules.refusals[0] };
    return { change: { set: { ...values, rules: rules.value } } };
  },
  unset: ({ unset }) => ({ change: { unset: [...(unset ?? [])] } }),
  entryAdd({ entryAdd }) {
    const named = readEntry("entryAdd", entryAdd);
    if ("problem" in named) return named;
    const { expiresAt, trustUnverified } = entryAdd ?? {};
    const more = {
      ...(typeof expiresAt === "number" ? { expiresAt } : {}),
      ...(trustUnverified === true ? { trustUnverified } : {}),
    };
    return { change: { entryAdd: { ...named.entry, ...more } } };
  },
  entryRemove({ entryRemove }) {
    const named = readEntry("entryRemove", entryRemove);
    return "problem" in named ? named : { change: { entryRemove: named.entry } };
  },
  ruleSave({ ruleSave }, scopeKind) {
    const rule = checkRule(ruleSave?.rule, scopeKind, ["ruleSave", "rule"]);
    if (rule.value === undefined) return { problem: rule.refusals[0] };
    const before = typeof ruleSave?.before === "string" ? { before: ruleSave.before } : {};
    return { change: { ruleSave: { rule: settingOf(rule.value), ...before } } };
  },
  ruleDelete: ({ ruleDelete }) => ({ change: { ruleDelete: { name: ruleDelete?.name ?? "" } } }),
  pardon({ pardon }) {
    const subject = parseSubject(pardon?.subject ?? "");
    if ("problem" in subject) return { problem: invalid(subject.problem, ["pardon", "subject"]) };
    return { change: { pardon: subject } };
  },
};

type Entry = { readonly list: "accept" | "kill"; readonly pattern: string };

function readEntry(
  member: "entryAdd" | "entryRemove",
  input: PolicyChangeInput["entryRemove"],
): { readonly entry: Entry } | { readonly problem: Refusal } {
  const { list, pattern = "" } = input ?? {};
  if (list !== "accept" && list !== "kill") {
    return { problem: invalid("Entries stand on the accept or the kill list.", [member, "list"]) };
  }
  const parsed = parseSenderPattern(pattern);
  if ("problem" in parsed) {
    return { problem: { code: "PATTERN_INVALID", message: parsed.problem, path: [member, "pattern"] } };
  }
  return { entry: { list, pattern: parsed.pattern } };
}
